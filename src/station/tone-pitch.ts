import { LOW_BAND_RATE } from "./low-band.ts";
import { toMinuteHz, toSecondHz } from "./tone-clock.ts";

/** What the tones after a click say. */
export type TonePitch = {
  /** Second of the minute, 0 to 59. */
  second: number;
  /** Minute of the hour, 0 to 59. */
  minute: number;
  /** 0 to 1: the share of the sound that lies at the two pitches. */
  confidence: number;
};

/** The window's spectrum is zero from 13 Hz on, so neighbouring pitches, 20 Hz apart, do not leak into each other. */
const PITCH_SECONDS = 0.15;

/** Samples of the low band from which a pitch is read. */
export const PITCH_SAMPLES: number = Math.round(PITCH_SECONDS * LOW_BAND_RATE);

const WINDOW: Float32Array = Float32Array.from(
  { length: PITCH_SAMPLES },
  (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (index + 0.5)) / PITCH_SAMPLES),
);
const WINDOW_SUM: number = WINDOW.reduce((sum, value) => sum + value, 0);

/** Reads the pitches in `PITCH_SAMPLES` samples of the low band. */
export function toTonePitch(low: Float32Array): TonePitch {
  const windowed = low.map((value, index) => value * (WINDOW[index] ?? 0));
  let power = 0;
  for (let index = 0; index < low.length; index++) {
    power += (low[index] ?? 0) ** 2 * (WINDOW[index] ?? 0);
  }
  power /= WINDOW_SUM;
  const second = toStrongest(windowed, toSecondHz);
  const minute = toStrongest(windowed, toMinuteHz);
  const confidence = power === 0 ? 0 : Math.min(1, (second.power + minute.power) / power);
  // Half a pair is none: one loud whistle would otherwise pass for a second.
  const isPair = Math.min(second.power, minute.power) >= 0.05 * power;
  return { second: second.index, minute: minute.index, confidence: isPair ? confidence : 0 };
}

/** Which of 60 pitches is the strongest, and its mean square. */
function toStrongest(
  windowed: Float32Array,
  toHz: (index: number) => number,
): { index: number; power: number } {
  let strongest = { index: 0, power: 0 };
  for (let index = 0; index < 60; index++) {
    const power = toPowerAt(windowed, toHz(index));
    if (power > strongest.power) strongest = { index, power };
  }
  return strongest;
}

/** Mean square of the sine at `hz`, by Goertzel's recurrence. */
function toPowerAt(windowed: Float32Array, hz: number): number {
  const factor = 2 * Math.cos((2 * Math.PI * hz) / LOW_BAND_RATE);
  let last = 0;
  let beforeLast = 0;
  for (let index = 0; index < windowed.length; index++) {
    const next = (windowed[index] ?? 0) + factor * last - beforeLast;
    beforeLast = last;
    last = next;
  }
  const squared = last ** 2 + beforeLast ** 2 - factor * last * beforeLast;
  return (2 * squared) / WINDOW_SUM ** 2;
}
