import type { Clock } from "../core/clock.ts";

const LOOK_EVERY_MS = 5000;

/** Clocks are slewed by less than this between two looks; what moves further has been set. */
const STEP_MS_MIN = 100;

/** Tells when this machine's wall clock is set, until `signal` aborts; `stepMs` is by how much. */
export async function watchClock(
  clock: Clock,
  onStep: (stepMs: number) => void,
  signal: AbortSignal,
): Promise<void> {
  let knownMs = toDifferenceMs(clock);
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal);
    const differenceMs = toDifferenceMs(clock);
    if (Math.abs(differenceMs - knownMs) >= STEP_MS_MIN) onStep(differenceMs - knownMs);
    // What moves little moves slowly, and must not add up to a step.
    knownMs = differenceMs;
  }
}

/** Wall clock less monotonic clock; read twice, because a busy machine may pause between the two. */
function toDifferenceMs(clock: Clock): number {
  const first = clock.nowMs() - clock.monotonicMs();
  return Math.max(first, clock.nowMs() - clock.monotonicMs());
}
