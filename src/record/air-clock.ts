/** How long arrivals are looked at before the start is settled. */
const SETTLE_MS = 10_000;

/** A server's `Date` counts whole seconds; within this much of it, this machine's finer clock is right. */
const DATE_TOLERANCE_MS = 2000;

/** A `Date` is cut to the second, so on average the server's clock is half a second further. */
const DATE_ROUNDING_MS = 500;

/**
 * Says when the first sound of a connection left the server.
 *
 * Each arrival gives one upper bound: this sound, so far into the stream, was sent by now. The least of them over
 * the first seconds is the truth but for the network's shortest delay. Audio that a server sends in a burst on connect is older than its
 * arrival, and gives bounds that are too late and so have no effect once live audio has come.
 *
 * Arrivals are counted on the monotonic clock, so that a step of the wall clock does not move them.
 */
export class AirClock {
  readonly #wallMinusMonotonicMs: number;
  #firstArrivalMs: number | undefined;
  #startMs = Infinity;

  /** `now` is this machine's time when the answer came; `serverDateMs` the `Date` that came with it. */
  constructor(now: { wallMs: number; monotonicMs: number }, serverDateMs: number | undefined) {
    this.#wallMinusMonotonicMs = now.wallMs + toClockErrorMs(now.wallMs, serverDateMs) - now.monotonicMs;
  }

  /** Takes note that sound which begins `positionSeconds` into the stream came at `arrivalMs` of the monotonic clock. */
  observe(arrivalMs: number, positionSeconds: number): void {
    this.#firstArrivalMs ??= arrivalMs;
    if (arrivalMs - this.#firstArrivalMs > SETTLE_MS) return;
    this.#startMs = Math.min(this.#startMs, arrivalMs - positionSeconds * 1000);
  }

  /** Unix time of the first sound, as far as it is known by now; infinite before the first arrival. */
  get startMs(): number {
    return this.#startMs + this.#wallMinusMonotonicMs;
  }
}

/** How far the server's clock is ahead of `wallMs`; 0 when they agree as far as can be told. */
export function toClockErrorMs(wallMs: number, serverDateMs: number | undefined): number {
  if (serverDateMs === undefined) return 0;
  const errorMs = serverDateMs + DATE_ROUNDING_MS - wallMs;
  return Math.abs(errorMs) <= DATE_TOLERANCE_MS + DATE_ROUNDING_MS ? 0 : errorMs;
}
