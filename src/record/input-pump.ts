import { concatBytes } from "../core/concat-bytes.ts";
import type { FrameHistory } from "./frame-history.ts";
import type { Heard } from "./station-stream.ts";
import type { UnbrokenEnd } from "./unbroken-stream.ts";

export type PumpParts = {
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

  /** The frames from `number` on, for one encoder. That it stops taking them does not end the stream. */
  async *feed(number: number): AsyncGenerator<Uint8Array> {
    const { history } = this.#parts;
    for (let next = number; ;) {
      const frames = history.since(next);
      next = history.endNumber;
      if (frames.length > 0) yield concatBytes(frames.map((frame) => frame.bytes));
      else if (this.#end === undefined) await this.#readOnce();
      else return;
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
