import type { Clock } from "../core/clock.ts";

/** A healthy station may be silent for 2.5 s; a connection that has been dead has to be noticed within 5 s. */
const STALL_MS_MIN = 3000;
const STALL_MS_MAX = 5000;

/** A stall is noticed while the burst of a new connection still reaches back to where the old one fell silent. */
const BURST_SHARE = 0.8;

/** Notices that nothing comes any more on a connection: a packet that is dropped silently raises no error. */
export class StallWatch implements Disposable {
  readonly #clock: Clock;
  readonly #over = new AbortController();
  /** Ends the wait that is going on; `undefined` while nobody waits. */
  #bite: (() => void) | undefined;
  #sinceMs = 0;
  #stallMs = (STALL_MS_MIN + STALL_MS_MAX) / 2;

  constructor(clock: Clock) {
    this.#clock = clock;
    void this.#watch();
  }

  /** How long the silence may last. */
  get stallMs(): number {
    return this.#stallMs;
  }

  /** Takes note of how much older audio the server sends on connect. */
  setBurst(burstMs: number): void {
    this.#stallMs = Math.min(STALL_MS_MAX, Math.max(STALL_MS_MIN, burstMs * BURST_SHARE));
  }

  /** What `pending` comes to, or `stalled` when that takes too long; the same promise may be waited for again. */
  wait<T>(pending: Promise<T>): Promise<T | "stalled"> {
    this.#sinceMs = this.#clock.monotonicMs();
    return new Promise((resolve, reject) => {
      const bite = (): void => resolve("stalled");
      const rest = (): void => {
        if (this.#bite === bite) this.#bite = undefined;
      };
      this.#bite = bite;
      pending.then(resolve, reject).finally(rest);
    });
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  /** One timer serves all waits: they are too many and too short for one each. */
  async #watch(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const nowMs = this.#clock.monotonicMs();
      const leftMs = (this.#bite === undefined ? nowMs : this.#sinceMs) + this.#stallMs - nowMs;
      if (leftMs > 0) {
        await this.#clock.sleep(leftMs, this.#over.signal);
        continue;
      }
      this.#bite?.();
      this.#bite = undefined;
    }
  }
}
