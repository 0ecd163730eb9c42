import { crc32 } from "node:zlib";

import { SAMPLE_RATE, type ShowFormat } from "./show.ts";

/** A stretch of encoded sound as it is stored; one row. Ids ascend and are never used twice. */
export type Segment = {
  id: number;
  /** Unix time of the first sample. */
  timestampMs: number;
  /** True where a session starts: a boundary. */
  isTimestampFromSource: boolean;
  /** What the segment adds to the decoded sound, at 48 kHz, after pre-skip. */
  durationSamples: number;
  /** CRC-32 (zlib) of `audioData`. */
  crc32: number;
  /** One byte for each second begun, as `toLoudnessByte` makes it; `undefined` when it was not measured. */
  loudness: Uint8Array | undefined;
  audioData: Uint8Array;
};

/** A segment without what is long. */
export type SegmentHead = Omit<Segment, "loudness" | "audioData">;

/** A segment that has no id yet because it has not been stored. */
export type NewSegment = Omit<Segment, "id" | "crc32">;

/** The largest `audioData` that is recorded; a segment that reaches it ends early, whatever its interval. */
export const RECORDED_SEGMENT_BYTES_MAX: number = 16 * 1024 * 1024;

/** The largest `audioData` that is accepted from another program. */
export const SEGMENT_BYTES_MAX: number = 64 * 1024 * 1024;

/** Encoders keep their bit rate on average only. */
const BITRATE_EXCESS = 1.5;

/** Bytes that a recorded segment of this format may take. */
export function toSegmentBytesMax(format: Pick<ShowFormat, "bitrateKbps" | "splitIntervalSeconds">): number {
  const bytes = (format.bitrateKbps / 8) * 1000 * format.splitIntervalSeconds * BITRATE_EXCESS;
  return Math.min(RECORDED_SEGMENT_BYTES_MAX, Math.ceil(bytes));
}

/** Unix time at which the segment's sound ends. */
export function toEndMs(segment: Pick<Segment, "timestampMs" | "durationSamples">): number {
  return segment.timestampMs + samplesToMs(segment.durationSamples);
}

/** Milliseconds, fractions kept, of a count of samples at 48 kHz. */
export function samplesToMs(samples: number): number {
  return (samples * 1000) / SAMPLE_RATE;
}

/** CRC-32 as zlib and SPEC define it, of the bytes of a segment. */
export function toCrc32(audioData: Uint8Array): number {
  return crc32(audioData);
}

/** CRC-32 of what a segment is besides its audio, which has one of its own: a time that was changed on the way is as bad as a sound. */
export function toHeadCrc32(segment: Segment): number {
  const { id, timestampMs, isTimestampFromSource, durationSamples, loudness } = segment;
  const numbers = [id, timestampMs, isTimestampFromSource ? 1 : 0, durationSamples, segment.crc32];
  return crc32(loudness ?? new Uint8Array(0), crc32(numbers.join(" ")));
}
