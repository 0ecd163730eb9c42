import type { Clock } from "../core/clock.ts";

/** An encoder that has not emptied itself by then is killed, so that the program ends within two seconds. */
const FLUSH_MS = 1200;

/** A signal that follows another after the time that an encoder needs to empty itself. */
export class Patience implements Disposable {
  readonly #over = new AbortController();
  readonly #stop: AbortSignal;
  readonly #clock: Clock;

  constructor(clock: Clock, stop: AbortSignal) {
    this.#clock = clock;
    this.#stop = stop;
    stop.addEventListener("abort", this.#endLater, { once: true });
    if (stop.aborted) this.#endLater();
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  [Symbol.dispose](): void {
    this.#stop.removeEventListener("abort", this.#endLater);
    this.#over.abort();
  }

  readonly #endLater = (): void => {
    void this.#clock.sleep(FLUSH_MS, this.#over.signal).then(() => this.#over.abort());
  };
}
