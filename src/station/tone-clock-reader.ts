import { LOW_BAND_RATE, LOW_BAND_STEP, LowBand, joinSamples, toDot } from "./low-band.ts";
import { CLICK_SECONDS, toClickLevel } from "./tone-clock.ts";
import { PITCH_SAMPLES, type TonePitch, toTonePitch } from "./tone-pitch.ts";

/** One start of a second, found in sound, and what the tones after it say. */
export type ToneMark = TonePitch & {
  /** Where the second starts, in samples of the sound at 48 kHz, with a fraction. */
  sample: number;
};

/** A stretch of next to nothing that is longer than the clock's own pause, in samples at 48 kHz, to 5 ms. */
export type ToneSilence = { sample: number; samples: number };

/** Likeness to the click, −1 to 1, that is taken for one. MP3 at 16 kbit/s leaves 0.7, noise stays below 0.45. */
const LIKENESS_MIN = 0.55;
/** Nearer together than this, only the likelier of two clicks counts: a sweep is like itself when shifted a little. */
const APART_SAMPLES: number = Math.round(0.01 * LOW_BAND_RATE);
/** The pitch is read from behind the click and what a codec makes of it. */
const PITCH_OFFSET: number = Math.round(0.02 * LOW_BAND_RATE);
/** Less of the sound at the two pitches than this, and it is something else. */
const CONFIDENCE_MIN = 0.6;
/** Mean square, against full scale 1, below which there is nothing: −56 dB. */
const SILENCE_POWER = 2.5e-6;
const SILENCE_BLOCK: number = LOW_BAND_RATE / 200;
/** The clock's own pause of 40 ms covers at most 8 blocks. */
const SILENCE_BLOCKS_MIN = 11;
/** How much a decision needs of what follows. */
const AHEAD_SAMPLES: number = PITCH_OFFSET + PITCH_SAMPLES;
/** How many samples at 48 kHz are worked on at once; bounds memory whatever the size of a push. */
const PIECE_SAMPLES_MAX = 48_000;

const CLICK: Float32Array = createClick();
/** A click at the very start of the sound has its peak only when there is something before it. */
const LEAD_SAMPLES: number = CLICK.length;

/**
 * Finds the seconds of the tone clock in mono sound at 48 kHz that is pushed piece by piece. It keeps about a second of
 * sound, and one entry for each mark and silence.
 */
export class ToneClockReader {
  readonly marks: ToneMark[] = [];
  readonly silences: ToneSilence[] = [];
  readonly #band = new LowBand();
  #samples = 0;
  /** Sound of the low band that is still needed, and the position of its first sample; starts with silence. */
  #low: Float32Array = new Float32Array(LEAD_SAMPLES);
  #lowBase = -LEAD_SAMPLES;
  /** The position that is looked at next, its likeness and that of the position before. */
  #position = -LEAD_SAMPLES;
  #likeness = 0;
  #likenessBefore = 0;
  /** Sum of squares over the length of a click from the position after that. */
  #power = 0;
  #best: { position: number; likeness: number; shift: number } | undefined;
  #blocks = 0;
  #silentBlocks = 0;

  /** Samples pushed so far. */
  get samples(): number {
    return this.#samples;
  }

  /** Takes sound in: 16 bit integers, or floats of full scale 1. */
  push(pcm: Int16Array | Float32Array): void {
    const scale = pcm instanceof Int16Array ? 1 / 32_768 : 1;
    for (let offset = 0; offset < pcm.length; offset += PIECE_SAMPLES_MAX) {
      const piece = Float32Array.from(pcm.subarray(offset, offset + PIECE_SAMPLES_MAX));
      for (let index = 0; index < piece.length; index++) piece[index] = (piece[index] ?? 0) * scale;
      this.#samples += piece.length;
      this.#pushLow(this.#band.push(piece));
    }
  }

  /** Decides about the sound that is left. Nothing may be pushed afterwards. */
  end(): void {
    this.#pushLow(this.#band.end());
    this.#endSilence();
    this.#pushLow(new Float32Array(AHEAD_SAMPLES + APART_SAMPLES + CLICK.length));
    this.#decide();
  }

  #pushLow(low: Float32Array): void {
    this.#low = joinSamples(this.#low, low);
    const end = this.#lowBase + this.#low.length;
    for (; (this.#blocks + 1) * SILENCE_BLOCK <= end; this.#blocks++) this.#listenForSilence();
    for (; this.#position + AHEAD_SAMPLES < end; this.#position++) this.#look();
    const needed = Math.min(
      this.#position,
      this.#best?.position ?? this.#position,
      this.#blocks * SILENCE_BLOCK,
    );
    this.#low = this.#low.slice(needed - this.#lowBase);
    this.#lowBase = needed;
  }

  /** Looks for a peak of likeness at the present position. */
  #look(): void {
    const next = this.#toLikeness(this.#position + 1);
    const isPeak = this.#likeness >= this.#likenessBefore && this.#likeness > next;
    if (isPeak && this.#likeness >= LIKENESS_MIN && this.#likeness > (this.#best?.likeness ?? 0)) {
      const curve = this.#likenessBefore - 2 * this.#likeness + next;
      const shift = (this.#likenessBefore - next) / (2 * curve);
      this.#best = { position: this.#position, likeness: this.#likeness, shift };
    }
    if (this.#best !== undefined && this.#position - this.#best.position >= APART_SAMPLES) this.#decide();
    this.#likenessBefore = this.#likeness;
    this.#likeness = next;
  }

  /**
   * Cosine of the angle between the click and the sound at `position`: 1 where they are alike but for loudness. Must be
   * asked for each position once, in order: the sum of squares slides along.
   */
  #toLikeness(position: number): number {
    const start = position - this.#lowBase;
    this.#power += (this.#low[start + CLICK.length - 1] ?? 0) ** 2 - (this.#low[start - 1] ?? 0) ** 2;
    if (this.#power < SILENCE_POWER * CLICK.length) return 0;
    return toDot(this.#low, start, CLICK) / Math.sqrt(this.#power);
  }

  #decide(): void {
    if (this.#best === undefined) return;
    const start = this.#best.position - this.#lowBase + PITCH_OFFSET;
    const pitch = toTonePitch(this.#low.subarray(start, start + PITCH_SAMPLES));
    const sample = (this.#best.position + this.#best.shift) * LOW_BAND_STEP;
    if (pitch.confidence >= CONFIDENCE_MIN) this.marks.push({ sample, ...pitch });
    this.#best = undefined;
  }

  #listenForSilence(): void {
    const start = this.#blocks * SILENCE_BLOCK - this.#lowBase;
    const block = this.#low.subarray(start, start + SILENCE_BLOCK);
    if (toDot(block, 0, block) < SILENCE_POWER * SILENCE_BLOCK) this.#silentBlocks++;
    else this.#endSilence();
  }

  #endSilence(): void {
    const blockSamples = SILENCE_BLOCK * LOW_BAND_STEP;
    if (this.#silentBlocks >= SILENCE_BLOCKS_MIN) {
      const sample = (this.#blocks - this.#silentBlocks) * blockSamples;
      this.silences.push({ sample, samples: this.#silentBlocks * blockSamples });
    }
    this.#silentBlocks = 0;
  }
}

/** The click as the low band holds it, of length 1 as a vector. */
function createClick(): Float32Array {
  const full = Float32Array.from({ length: Math.round(CLICK_SECONDS * 48_000) }, (_, index) =>
    toClickLevel(index / 48_000),
  );
  const band = new LowBand();
  const low = joinSamples(band.push(full), band.end());
  const norm = Math.sqrt(toDot(low, 0, low));
  return low.map((value) => value / norm);
}
