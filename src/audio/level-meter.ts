import { ByteQueue } from "../core/byte-queue.ts";

/** How loud a stretch of sound is. */
export type Level = {
  durationSamples: number;
  /** The mean square of its samples over all channels; 1 is a square wave at full scale. */
  power: number;
};

/** Bytes of one sample of one channel of what a meter takes. */
const FLOAT_BYTES = 4;

/** 50 ms: short against the second that a byte of loudness stands for, long against the lowest tones. */
const LEVEL_SAMPLES = 2400;

/** Measures interleaved 32-bit floating point PCM at 48 kHz, little-endian. */
export class LevelMeter {
  readonly #channels: number;
  readonly #onLevels: (levels: readonly Level[]) => void;
  readonly #queue = new ByteQueue();
  #samples = 0;
  #squares = 0;

  /** `onLevels` is told of all sound without a hole, in order; how much at a time depends on how the bytes come. */
  constructor(channels: number, onLevels: (levels: readonly Level[]) => void) {
    this.#channels = channels;
    this.#onLevels = onLevels;
  }

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
    const frames = Math.floor(this.#queue.length / (FLOAT_BYTES * this.#channels));
    const values = toFloats(this.#queue.consume(frames * FLOAT_BYTES * this.#channels));
    const levels: Level[] = [];
    for (let frame = 0; frame < frames;) {
      const end = Math.min(frames, frame + LEVEL_SAMPLES - this.#samples);
      this.#add(values.subarray(frame * this.#channels, end * this.#channels));
      frame = end;
      if (this.#samples === LEVEL_SAMPLES) levels.push(this.#take());
    }
    if (levels.length > 0) this.#onLevels(levels);
  }

  /** Tells of what is left, which is shorter than the others. Nothing may be pushed after it. */
  end(): void {
    if (this.#samples > 0) this.#onLevels([this.#take()]);
  }

  #add(values: Float32Array): void {
    let squares = this.#squares;
    for (const value of values) squares += value * value;
    this.#squares = squares;
    this.#samples += values.length / this.#channels;
  }

  #take(): Level {
    const level = {
      durationSamples: this.#samples,
      power: this.#squares / (this.#samples * this.#channels),
    };
    this.#samples = 0;
    this.#squares = 0;
    return level;
  }
}

/** The numbers in whole floats; copied only where they do not lie as numbers have to, since this is most of what passes through memory. */
function toFloats(bytes: Uint8Array): Float32Array {
  const aligned = bytes.byteOffset % FLOAT_BYTES === 0 ? bytes : new Uint8Array(bytes);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / FLOAT_BYTES);
}
