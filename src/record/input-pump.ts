import type { Frame } from "../audio/frame.ts";
import type { Clock } from "../core/clock.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import type { FrameHistory } from "./frame-history.ts";
import type { Heard } from "./station-stream.ts";
import type { UnbrokenEnd } from "./unbroken-stream.ts";

/** Each write wakes a child; collected for so long, they save a seventh of the processor time that half as long costs. What is not written yet is durable as input. */
const WRITE_EVERY_MS = 200;

/** What is collected must still be in the history: of the longest pages of Ogg, which have 64 KiB, it holds as many. */
const WRITE_FRAMES_MAX = 8;

export type PumpParts = {
  clock: Clock;
  /** Adds what it hears to the history before it passes it on. */
  stream: AsyncGenerator<Heard, UnbrokenEnd>;
  history: FrameHistory;
  note: (heard: Heard) => void;
};

/**
 * Feeds one encoder after the other with what a station says. All of it goes through the history, so that nothing is lost
 * with an encoder that ends in the middle, and the next one can be fed from any frame that is still there.
 */
export class InputPump {
  readonly #parts: PumpParts;
  #reading: Promise<void> | undefined;
  #end: UnbrokenEnd | undefined;
  #failure: { error: unknown } | undefined;

  constructor(parts: PumpParts) {
    this.#parts = parts;
  }

  /** How the stream was over; `undefined` while it goes on. */
  get end(): UnbrokenEnd | undefined {
    return this.#end;
  }

  /** Waits for the first frame; false when the stream was over before there was one. */
  async begin(): Promise<boolean> {
    const { history } = this.#parts;
    while (history.endNumber === 0 && this.#end === undefined) await this.#readOnce();
    return history.endNumber > 0;
  }

  /** The frames from `number` on, for one encoder. That it stops taking them does not end the stream. */
  async *feed(number: number): AsyncGenerator<Uint8Array> {
    const { history, clock } = this.#parts;
    const over = new AbortController();
    let writtenMs = -Infinity;
    let due: Promise<void> | undefined;
    let headers: Uint8Array | undefined;
    try {
      for (let next = number; this.#end === undefined || next < history.endNumber;) {
        const dueInMs = writtenMs + WRITE_EVERY_MS - clock.monotonicMs();
        if (next === history.endNumber) {
          await this.#readOnce();
        } else if (dueInMs > 0 && this.#end === undefined && history.endNumber - next < WRITE_FRAMES_MAX) {
          due ??= clock.sleep(dueInMs, over.signal).finally(() => (due = undefined));
          await Promise.race([this.#readOnce(), due]);
        } else {
          const frames = history.since(next);
          next = history.endNumber;
          writtenMs = clock.monotonicMs();
          const known = headers;
          headers = frames.at(-1)?.headers ?? known;
          yield concatBytes(withHeaders(frames, known));
        }
      }
    } finally {
      over.abort();
    }
  }

  /** Ends the stream, if it has not ended by itself. */
  async close(): Promise<void> {
    await this.#parts.stream.return({ ending: { reason: "stopped", detail: "" }, next: undefined });
  }

  /** An encoder that is gone may still be waiting for a read: the next one waits for the same. */
  async #readOnce(): Promise<void> {
    this.#reading ??= this.#read();
    await this.#reading;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #read(): Promise<void> {
    try {
      const next = await this.#parts.stream.next();
      if (next.done === true) this.#end = next.value;
      else this.#parts.note(next.value);
    } catch (error) {
      // Thrown to whichever encoder is being fed, also when the one that waited is gone.
      this.#failure = { error };
    }
    this.#reading = undefined;
  }
}

/** What a decoder takes, whose last headers are given: new ones come before the first frame that needs them. */
function withHeaders(frames: readonly Frame[], known: Uint8Array | undefined): Uint8Array[] {
  let last = known;
  return frames.flatMap(({ bytes, headers }) => {
    // A new connection repeats the headers of a stream that goes on.
    const isKnown =
      headers === undefined ||
      headers === last ||
      (last !== undefined && Buffer.compare(headers, last) === 0);
    last = headers ?? last;
    return isKnown ? [bytes] : [headers, bytes];
  });
}
