import type { Clock } from "../core/clock.ts";
import type { StreamConnection } from "./stream-source.ts";

/** A healthy station may be silent for 2.5 s; a connection that has been dead has to be noticed within 5 s. */
export const STALL_MS = 4000;

/** Closes a connection on which nothing has come for `STALL_MS`: a packet that is dropped silently raises no error. */
export class StallWatchdog implements Disposable {
  readonly #connection: StreamConnection;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  /** When the wait for the next byte began; `undefined` while the reader is at work and nobody waits. */
  #waitingSinceMs: number | undefined;
  #hasBitten = false;

  constructor(connection: StreamConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.resume();
    void this.#watch();
  }

  /** Whether the connection was closed for its silence. */
  get hasBitten(): boolean {
    return this.#hasBitten;
  }

  pause(): void {
    this.#waitingSinceMs = undefined;
  }

  resume(): void {
    this.#waitingSinceMs = this.#clock.monotonicMs();
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  async #watch(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const nowMs = this.#clock.monotonicMs();
      const leftMs = (this.#waitingSinceMs ?? nowMs) + STALL_MS - nowMs;
      if (leftMs <= 0) {
        this.#hasBitten = true;
        this.#connection.close();
        return;
      }
      await this.#clock.sleep(leftMs, this.#over.signal);
    }
  }
}
