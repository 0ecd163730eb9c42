import type { Frame } from "../audio/frame.ts";

/** Icecast's usual burst is 64 KiB; a history of this size holds it eight times over, and as many of the longest pages of Ogg. */
const HISTORY_BYTES_MAX = 512 * 1024;

/** A minute of the shortest frames in use; in dead air they have so few bytes that a quarter of an hour would be held. */
const HISTORY_FRAMES_MAX = 3000;
const SURPLUS_FRAMES_MAX = 300;

/** What is too old is dropped when there is so much of it: moving all frames for each new one would cost more than the rest. */
const SURPLUS_BYTES_MAX = 128 * 1024;

/** Where a frame begins: its number, and its place in the sound of the recording. */
export type FramePlace = { number: number; seconds: number };

/**
 * The newest frames of a recording, numbered from its first one, so that a new connection can be joined to them and a new
 * decoder fed with them again.
 */
export class FrameHistory {
  #frames: Frame[] = [];
  #firstNumber = 0;
  #firstSeconds: number;
  #endSeconds: number;
  #bytes = 0;

  /** `startSeconds` is where the first frame begins in the sound of the recording. */
  constructor(startSeconds = 0) {
    this.#firstSeconds = startSeconds;
    this.#endSeconds = startSeconds;
  }

  /** Oldest first. */
  get frames(): readonly Frame[] {
    return this.#frames;
  }

  /** The number that the next frame will have. */
  get endNumber(): number {
    return this.#firstNumber + this.#frames.length;
  }

  /** Where the newest frame ends in the sound of the recording. */
  get endSeconds(): number {
    return this.#endSeconds;
  }

  add(frames: readonly Frame[]): void {
    for (const frame of frames) {
      this.#frames.push(frame);
      this.#bytes += frame.bytes.length;
      this.#endSeconds += frame.durationSeconds;
    }
    const isSmall = this.#bytes <= HISTORY_BYTES_MAX + SURPLUS_BYTES_MAX;
    if (isSmall && this.#frames.length <= HISTORY_FRAMES_MAX + SURPLUS_FRAMES_MAX) return;
    let surplus = 0;
    while (this.#bytes > HISTORY_BYTES_MAX || this.#frames.length - surplus > HISTORY_FRAMES_MAX) {
      const frame = this.#frames[surplus++];
      this.#bytes -= frame?.bytes.length ?? 0;
      this.#firstSeconds += frame?.durationSeconds ?? 0;
    }
    this.#frames.splice(0, surplus);
    this.#firstNumber += surplus;
  }

  /** The frames from `number` on, as far as they are still there. */
  since(number: number): readonly Frame[] {
    return this.#frames.slice(Math.max(0, number - this.#firstNumber));
  }

  /**
   * The last place that is followed by `preRollFrames` whole frames before `seconds`, or the start of the recording;
   * `undefined` when so old frames are no longer there.
   */
  findPreRoll(seconds: number, preRollFrames: number): FramePlace | undefined {
    if (this.#frames.length === 0) return { number: this.endNumber, seconds: this.#endSeconds };
    let start = this.#firstSeconds;
    const starts = [start];
    for (const frame of this.#frames) {
      if (start + frame.durationSeconds > seconds) break;
      start += frame.durationSeconds;
      starts.push(start);
    }
    const index = Math.max(starts.length - 1 - preRollFrames, this.#firstNumber === 0 ? 0 : -1);
    const found = starts[index];
    return found === undefined ? undefined : { number: this.#firstNumber + index, seconds: found };
  }
}
