import type { FrameHeader } from "./frame.ts";

/** Bytes that `parseMpegHeader` looks at. */
export const MPEG_HEADER_BYTES = 4;

const BITRATES_KBPS_1: readonly number[] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const BITRATES_KBPS_2: readonly number[] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const SAMPLE_RATES: readonly number[] = [44_100, 48_000, 32_000];

/**
 * Reads the header of an MPEG audio layer III frame (MP3).
 *
 * | bits | meaning |
 * |---|---|
 * | 11 | sync, all ones |
 * | 2 | version: 0 MPEG 2.5, 2 MPEG 2, 3 MPEG 1 |
 * | 2 | layer: 1 is layer III |
 * | 1 | 0 when a CRC follows |
 * | 4, 2, 1 | bit rate, sample rate, padding |
 * | 1, 2 | private, channel mode: 3 is mono |
 *
 * Free format (bit rate 0) has no length in its header and is not taken for a frame.
 */
export function parseMpegHeader(bytes: Uint8Array, offset: number): FrameHeader | undefined {
  const b1 = bytes[offset + 1] ?? 0;
  const b2 = bytes[offset + 2] ?? 0;
  const b3 = bytes[offset + 3] ?? 0;
  if (bytes[offset] !== 0xff || (b1 & 0xe0) !== 0xe0) return undefined;
  const version = (b1 >> 3) & 3;
  const isLayer3 = ((b1 >> 1) & 3) === 1;
  const baseRate = SAMPLE_RATES[(b2 >> 2) & 3];
  if (version === 1 || !isLayer3 || baseRate === undefined) return undefined;
  const isMpeg1 = version === 3;
  const bitrateKbps = (isMpeg1 ? BITRATES_KBPS_1 : BITRATES_KBPS_2)[b2 >> 4] ?? 0;
  if (bitrateKbps === 0) return undefined;
  const sampleRate = isMpeg1 ? baseRate : version === 2 ? baseRate / 2 : baseRate / 4;
  const samples = isMpeg1 ? 1152 : 576;
  const padding = (b2 >> 1) & 1;
  const frameBytes = Math.floor(((samples / 8) * bitrateKbps * 1000) / sampleRate) + padding;
  return { frameBytes, samples, sampleRate, channels: b3 >> 6 === 3 ? 1 : 2 };
}
