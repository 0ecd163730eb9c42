import { SAMPLE_RATE } from "./show.ts";

/** The level that byte 0 stands for, and all below it, in dBFS. 255 stands for 0 dBFS. */
const FLOOR_DB = -90;

const BYTE_MAX = 255;

/** The byte that stands for a mean square, where 1 is a square wave at full scale. */
export function toLoudnessByte(power: number): number {
  const decibels = 10 * Math.log10(power);
  return Math.min(BYTE_MAX, Math.max(0, Math.round((1 - decibels / FLOOR_DB) * BYTE_MAX)));
}

/** How many bytes tell the loudness of so much sound: one for each second begun. */
export function toLoudnessLength(durationSamples: number): number {
  return Math.ceil(durationSamples / SAMPLE_RATE);
}

/** A part of a segment's loudness: `bytes` begin with that of the second in which `startSample` of the segment lies. */
export type LoudnessPart = { startSample: number; bytes: Uint8Array | undefined };

/** The loudness of a whole segment from parts, of which a later one knows better; `undefined` when a second is missing. */
export function joinLoudness(
  parts: readonly LoudnessPart[],
  durationSamples: number,
): Uint8Array | undefined {
  const joined = new Uint8Array(toLoudnessLength(durationSamples));
  const known = new Set<number>();
  for (const { startSample, bytes } of parts) {
    const first = Math.floor(startSample / SAMPLE_RATE);
    for (const [index, byte] of (bytes ?? []).entries()) {
      joined[first + index] = byte;
      known.add(first + index);
    }
  }
  return known.size === joined.length ? joined : undefined;
}
