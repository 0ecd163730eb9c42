import type { Level } from "../audio/level-meter.ts";
import { toLoudnessByte, toLoudnessLength } from "../core/loudness.ts";
import { SAMPLE_RATE } from "../core/show.ts";

/** Two of the longest segments that there can be: levels are needed until their segment is stored. */
const HELD_SAMPLES_MAX: number = 2 * 3600 * SAMPLE_RATE;

/** Levels come a little after the packets of the same sound; when they are later than this, they are not coming. */
const LATE_SAMPLES_MAX = SAMPLE_RATE;

/** A level and its place in the sound of a recording. */
export type PlacedLevel = Level & { startSample: number };

/** Keeps the levels of a recording by their place in its sound, and answers the bytes of a segment. */
export class LoudnessTrack {
  #levels: PlacedLevel[] = [];
  /** Where the sound lies that is measured next. */
  #positionSample = 0;

  /** An encoder begins with the sound at `fromSample`; what was known of the sound from `keptSample` on is not kept. */
  beginAt(fromSample: number, keptSample: number): void {
    this.#positionSample = fromSample;
    this.#levels = this.#levels.flatMap((level) => {
      const durationSamples = Math.min(level.durationSamples, keptSample - level.startSample);
      return durationSamples > 0 ? [{ ...level, durationSamples }] : [];
    });
  }

  /** Adds what was measured next; returns it in its place, without what was known before. */
  add(levels: readonly Level[]): PlacedLevel[] {
    const fresh: PlacedLevel[] = [];
    for (const { durationSamples, power } of levels) {
      const startSample = Math.max(this.#positionSample, this.#endSample);
      this.#positionSample += durationSamples;
      if (startSample >= this.#positionSample) continue;
      const level = { startSample, durationSamples: this.#positionSample - startSample, power };
      this.#levels.push(level);
      fresh.push(level);
    }
    const oldest = this.#levels[0]?.startSample ?? 0;
    if (this.#endSample - oldest > HELD_SAMPLES_MAX) this.forget(this.#endSample - HELD_SAMPLES_MAX);
    return fresh;
  }

  /**
   * One byte for each second begun of a stretch of the recording, whose newest moments may not be measured yet: then those
   * before them stand. `undefined` when too little of it is known.
   */
  toLoudness(startSample: number, durationSamples: number): Uint8Array | undefined {
    const endSample = startSample + durationSamples;
    const [oldest] = this.#levels;
    if (oldest === undefined || oldest.startSample >= startSample + SAMPLE_RATE) return undefined;
    if (endSample - this.#endSample > LATE_SAMPLES_MAX) return undefined;
    const first = this.#levels.findLastIndex((level) => level.startSample <= startSample);
    const levels = this.#levels.slice(Math.max(0, first));
    const energies = new Float64Array(toLoudnessLength(durationSamples));
    const samples = new Float64Array(energies.length);
    for (const level of levels) {
      const levelEnd = Math.min(toEnd(level), endSample);
      for (let sample = Math.max(level.startSample, startSample); sample < levelEnd;) {
        const second = Math.floor((sample - startSample) / SAMPLE_RATE);
        const overlap = Math.min(levelEnd, startSample + (second + 1) * SAMPLE_RATE) - sample;
        energies[second] = (energies[second] ?? 0) + overlap * level.power;
        samples[second] = (samples[second] ?? 0) + overlap;
        sample += overlap;
      }
    }
    let power = levels[0]?.power ?? 0;
    return Uint8Array.from(energies, (energy, second) => {
      const measured = samples[second] ?? 0;
      if (measured > 0) power = energy / measured;
      return toLoudnessByte(power);
    });
  }

  /** Lets go of what ends before a sample of the recording. */
  forget(sample: number): void {
    const first = this.#levels.findIndex((level) => toEnd(level) > sample);
    // The last level stays, for the moments after it that are not measured yet.
    this.#levels.splice(0, first === -1 ? this.#levels.length - 1 : first);
  }

  /** Where what is known ends. */
  get #endSample(): number {
    const last = this.#levels.at(-1);
    return last === undefined ? 0 : toEnd(last);
  }
}

function toEnd(level: PlacedLevel): number {
  return level.startSample + level.durationSamples;
}
