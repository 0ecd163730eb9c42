import type { Frame } from "../audio/frame.ts";

/** Icecast's usual burst is 64 KiB; a history of this size holds it eight times over, and as many of the longest pages of Ogg. */
const HISTORY_BYTES_MAX = 512 * 1024;

/** A minute of the shortest frames in use; in dead air they have so few bytes that a quarter of an hour would be held. */
const HISTORY_FRAMES_MAX = 3000;

/** What is too old is dropped when there is so much of it: moving all that is held for each new frame would cost more than the rest. */
const SURPLUS_FRAMES = 300;
const SURPLUS_BYTES = 128 * 1024;

/** No frame is longer; what says that it is was damaged. */
export const FRAME_BYTES_MAX: number = SURPLUS_BYTES;

/** Where a frame begins: its number, and its place in the sound of the recording. */
export type FramePlace = { number: number; seconds: number };

/**
 * The newest frames of a recording, numbered from its first one, so that a new connection can be joined to them and a new
 * decoder fed with them again.
 *
 * They are kept as bytes behind each other, not as objects: with many shows those would be most of what the garbage collector looks at.
 */
export class FrameHistory {
  readonly #bytes = new Uint8Array(HISTORY_BYTES_MAX + SURPLUS_BYTES);
  /** Of each frame, where it ends in the bytes, its play time, and what it needs to be decoded. */
  readonly #ends = new Uint32Array(HISTORY_FRAMES_MAX + SURPLUS_FRAMES);
  readonly #durations = new Float64Array(HISTORY_FRAMES_MAX + SURPLUS_FRAMES);
  readonly #headers: (Uint8Array | undefined)[] = [];
  #count = 0;
  #firstNumber = 0;
  #firstSeconds: number;
  #endSeconds: number;

  /** `startSeconds` is where the first frame begins in the sound of the recording. */
  constructor(startSeconds = 0) {
    this.#firstSeconds = startSeconds;
    this.#endSeconds = startSeconds;
  }

  /** The number that the next frame will have. */
  get endNumber(): number {
    return this.#firstNumber + this.#count;
  }

  /** Where the newest frame ends in the sound of the recording. */
  get endSeconds(): number {
    return this.#endSeconds;
  }

  /** Of frames that have at most `FRAME_BYTES_MAX`. */
  add(frames: readonly Frame[]): void {
    for (const { bytes, durationSeconds, headers } of frames) {
      const isFull = this.#count === this.#ends.length;
      if (isFull || this.#toStart(this.#count) + bytes.length > this.#bytes.length) this.#dropOld();
      const start = this.#toStart(this.#count);
      this.#bytes.set(bytes, start);
      this.#ends[this.#count] = start + bytes.length;
      this.#durations[this.#count] = durationSeconds;
      this.#headers[this.#count] = headers;
      this.#count++;
      this.#endSeconds += durationSeconds;
    }
  }

  /** A copy of the frames from `number` on, oldest first, as far as they are still there; by default of all. */
  since(number = 0): readonly Frame[] {
    const first = Math.max(0, number - this.#firstNumber);
    const from = this.#toStart(first);
    const bytes = this.#bytes.slice(from, this.#toStart(this.#count));
    const frames: Frame[] = [];
    for (let index = first; index < this.#count; index++) {
      const frame = bytes.subarray(this.#toStart(index) - from, this.#toStart(index + 1) - from);
      const durationSeconds = this.#durations[index] ?? 0;
      const headers = this.#headers[index];
      frames.push(
        headers === undefined
          ? { bytes: frame, durationSeconds }
          : { bytes: frame, durationSeconds, headers },
      );
    }
    return frames;
  }

  /**
   * The last place that is followed by `preRollFrames` whole frames before `seconds`, or the start of the recording;
   * `undefined` when so old frames are no longer there.
   */
  findPreRoll(seconds: number, preRollFrames: number): FramePlace | undefined {
    if (this.#count === 0) return { number: this.endNumber, seconds: this.#endSeconds };
    let start = this.#firstSeconds;
    const starts = [start];
    for (const duration of this.#durations.subarray(0, this.#count)) {
      if (start + duration > seconds) break;
      start += duration;
      starts.push(start);
    }
    const index = Math.max(starts.length - 1 - preRollFrames, this.#firstNumber === 0 ? 0 : -1);
    const found = starts[index];
    return found === undefined ? undefined : { number: this.#firstNumber + index, seconds: found };
  }

  /** Where a frame begins in the bytes: where the one before ends. */
  #toStart(index: number): number {
    return this.#ends[index - 1] ?? 0;
  }

  #dropOld(): void {
    const end = this.#toStart(this.#count);
    let dropped = 0;
    while (end - this.#toStart(dropped) > HISTORY_BYTES_MAX || this.#count - dropped > HISTORY_FRAMES_MAX) {
      this.#firstSeconds += this.#durations[dropped++] ?? 0;
    }
    const from = this.#toStart(dropped);
    this.#bytes.copyWithin(0, from, end);
    this.#ends.copyWithin(0, dropped, this.#count);
    this.#durations.copyWithin(0, dropped, this.#count);
    this.#headers.splice(0, dropped);
    this.#count -= dropped;
    this.#firstNumber += dropped;
    for (let index = 0; index < this.#count; index++) this.#ends[index] = (this.#ends[index] ?? 0) - from;
  }
}
