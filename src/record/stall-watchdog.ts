import type { Clock } from "../core/clock.ts";
import type { StreamConnection } from "./stream-source.ts";

/** A healthy station may be silent for 2.5 s; a connection that has been dead has to be noticed within 5 s. */
const STALL_MS_MIN = 3000;
const STALL_MS_MAX = 5000;

/** A stall is given up while the burst of a new connection still reaches back to where the old one broke off. */
const BURST_SHARE = 0.8;

/** Closes a connection on which nothing comes any more: a packet that is dropped silently raises no error. */
export class StallWatchdog implements Disposable {
  readonly #connection: StreamConnection;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  /** When the wait for the next byte began; `undefined` while the reader is at work and nobody waits. */
  #waitingSinceMs: number | undefined;
  #hasBitten = false;
  #stallMs = (STALL_MS_MIN + STALL_MS_MAX) / 2;

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

  /** How long the silence may last. */
  get stallMs(): number {
    return this.#stallMs;
  }

  /** Takes note of how much older audio the server sends on connect. */
  setBurst(burstMs: number): void {
    this.#stallMs = Math.min(STALL_MS_MAX, Math.max(STALL_MS_MIN, burstMs * BURST_SHARE));
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
      const leftMs = (this.#waitingSinceMs ?? nowMs) + this.#stallMs - nowMs;
      if (leftMs <= 0) {
        this.#hasBitten = true;
        this.#connection.close();
        return;
      }
      await this.#clock.sleep(leftMs, this.#over.signal);
    }
  }
}
