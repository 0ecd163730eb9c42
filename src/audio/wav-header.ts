import { SAMPLE_RATE } from "../core/show.ts";

/** Bytes of one sample of one channel. */
export const PCM_SAMPLE_BYTES = 2;

/** The length of the header that `toWavHeader` writes. */
export const WAV_HEADER_BYTES = 44;

/** What readers of streamed WAV take for "until the end". */
const UNKNOWN_BYTES = 0xffff_ffff;

/**
 * The header of a RIFF WAVE file with 16-bit PCM at 48 kHz. Without `dataBytes` the length is unknown, as in a stream.
 *
 * | offset | field |
 * |---|---|
 * | 0 | "RIFF", length less 8, "WAVE" |
 * | 12 | "fmt ", 16, format 1, channels, rate, bytes a second, bytes of all channels, bits |
 * | 36 | "data", length |
 */
export function toWavHeader(stream: { channels: number; dataBytes?: number }): Uint8Array {
  const header = new Uint8Array(WAV_HEADER_BYTES);
  const view = new DataView(header.buffer);
  const setText = (offset: number, text: string): void => header.set(new TextEncoder().encode(text), offset);
  const frameBytes = stream.channels * PCM_SAMPLE_BYTES;
  setText(0, "RIFF");
  view.setUint32(4, stream.dataBytes === undefined ? UNKNOWN_BYTES : stream.dataBytes + 36, true);
  setText(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, stream.channels, true);
  view.setUint32(24, SAMPLE_RATE, true);
  view.setUint32(28, SAMPLE_RATE * frameBytes, true);
  view.setUint16(32, frameBytes, true);
  view.setUint16(34, PCM_SAMPLE_BYTES * 8, true);
  setText(36, "data");
  view.setUint32(40, stream.dataBytes ?? UNKNOWN_BYTES, true);
  return header;
}
