import type { FrameFormat, StreamFormat } from "../audio/frame.ts";
import type { ResumePoint, ResumeUpdate } from "../store/recording-state.ts";
import type { FrameHistory } from "./frame-history.ts";
import { packFrames } from "./pack-frames.ts";

/** Beyond the burst: what the encoder may be late by, and the time to start again. */
const TAIL_SECONDS_MIN = 5;

/** No server's burst is longer; frames from before would only make the search slow. */
const TAIL_SECONDS_MAX = 30;

/** Where the frames come from. */
export type TailSource = { format: StreamFormat; readonly burstMs: number };

/** Tells the store what a new recorder would need to go on where this one is killed. */
export class ResumeTail {
  readonly #history: FrameHistory;
  readonly #nowMs: () => number;
  readonly #source: TailSource;
  /** Whether nothing is stored yet of a recording that does not go on from another: what was kept of that is of no more use. */
  #isNew: boolean;
  readonly #draftSeconds: number;
  #savedNumber: number;
  #savedSeconds: number;

  /** `nowMs` is the time by the clock that places the sound; of a new recording, `draftSeconds` are durable already. */
  constructor(
    history: FrameHistory,
    nowMs: () => number,
    { source, draftSeconds }: { source: TailSource; draftSeconds: number },
  ) {
    this.#history = history;
    this.#nowMs = nowMs;
    this.#source = source;
    this.#draftSeconds = draftSeconds;
    this.#isNew = history.endNumber === 0;
    this.#savedNumber = history.endNumber;
    this.#savedSeconds = history.endSeconds;
  }

  /** How much has been heard that would be lost with this program; what is of no use to another recorder is not counted. */
  get unsavedSeconds(): number {
    const { endSeconds } = this.#history;
    // The first update takes the draft's place.
    if (!this.#isUseful || (this.#isNew && endSeconds < this.#draftSeconds)) return 0;
    return endSeconds - this.#savedSeconds;
  }

  toUpdate(end: Omit<ResumePoint, "input" | "heardMs">): ResumeUpdate {
    const { endSeconds } = this.#history;
    const frames = this.#isUseful ? this.#history.since(this.#savedNumber) : [];
    const tailSeconds = Math.min(TAIL_SECONDS_MAX, this.#source.burstMs / 1000 + TAIL_SECONDS_MIN);
    return {
      point: { ...end, input: this.#source.format, heardMs: this.#nowMs() },
      part: frames.length === 0 ? undefined : { endSeconds, frames: packFrames(frames) },
      keepFromSeconds: this.#isNew
        ? Infinity
        : Math.min(endSeconds - tailSeconds, end.endSeconds - TAIL_SECONDS_MIN),
    };
  }

  onStored(): void {
    this.#isNew = false;
    this.#savedNumber = this.#history.endNumber;
    this.#savedSeconds = this.#history.endSeconds;
  }

  get #isUseful(): boolean {
    return isResumable(this.#source.format);
  }
}

/** Whether frames alone are enough to go on from: a new decoder needs headers for pages of Ogg, which are not kept. */
export function isResumable(format: string): format is FrameFormat {
  return format === "mp3" || format === "aac";
}
