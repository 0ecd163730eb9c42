import type { Clock } from "../core/clock.ts";

/** Waits are taken in parts, so that a clock that steps or a machine that sleeps delays nothing for longer. */
const PART_MS = 5000;

/** Resolves when the wall clock has reached `wallMs`, or `signal` aborts. */
export async function sleepUntil(clock: Clock, wallMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && clock.nowMs() < wallMs) {
    await clock.sleep(Math.min(PART_MS, wallMs - clock.nowMs()), signal);
  }
}
