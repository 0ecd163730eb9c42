import { setTimeout as delay } from "node:timers/promises";

/** Where time comes from. Durations are always taken from `monotonicMs`, instants from `nowMs`. */
export interface Clock {
  /** Unix time in milliseconds, fractions kept; may step. */
  nowMs(): number;
  /** Milliseconds since some fixed instant; never steps. */
  monotonicMs(): number;
  /** Resolves after `ms` or as soon as `signal` aborts, whichever is first; it never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** This machine's clocks. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    await delay(ms, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  },
};
