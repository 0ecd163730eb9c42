import type { FrameHeader } from "./frame.ts";

/** Bytes that `parseAdtsHeader` looks at; a frame with a CRC has a header of nine. */
export const ADTS_HEADER_BYTES = 7;

const SAMPLE_RATES: readonly number[] = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/**
 * Reads an ADTS header (ISO/IEC 13818-7, 6.2).
 *
 * | bits | meaning |
 * |---|---|
 * | 12, 1, 2 | sync, version, layer (always 0) |
 * | 1 | 0 when a CRC follows the header |
 * | 2, 4, 1, 3 | profile, sample rate index, private, channel configuration |
 * | 4 | original, home, copyright |
 * | 13, 11, 2 | frame length with header, buffer fullness, raw blocks less one |
 *
 * `sampleRate` is that of the core; HE-AAC plays at twice of it, for the same time.
 */
export function parseAdtsHeader(bytes: Uint8Array, offset: number): FrameHeader | undefined {
  const at = (index: number): number => bytes[offset + index] ?? 0;
  if (at(0) !== 0xff || (at(1) & 0xf6) !== 0xf0) return undefined;
  const sampleRate = SAMPLE_RATES[(at(2) >> 2) & 15];
  const headerBytes = (at(1) & 1) === 1 ? 7 : 9;
  const frameBytes = ((at(3) & 3) << 11) | (at(4) << 3) | (at(5) >> 5);
  if (sampleRate === undefined || frameBytes <= headerBytes) return undefined;
  const channels = ((at(2) & 1) << 2) | (at(3) >> 6);
  return { frameBytes, samples: 1024 * ((at(6) & 3) + 1), sampleRate, channels };
}
