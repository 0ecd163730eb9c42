/** A machine whose clock is set, or that sleeps, around the windows of a schedule and around a kill. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { PlannedFault } from "./fault-plan.ts";
import { HOUR_MS, toRule, toScenario, toShow } from "./scenario.ts";
import { simulate } from "./simulate.ts";

const MINUTE_MS = 60_000;

/** 12:00 to 12:10 in UTC, from ten minutes before it to ten minutes after. */
const NOON = Date.UTC(2026, 2, 27, 12);
const WINDOW = {
  startMs: NOON - 10 * MINUTE_MS,
  durationMs: 30 * MINUTE_MS,
  show: toShow({ timezone: "UTC", schedule: [toRule("12:00", "12:10")] }),
};

function step(atMs: number, ms: number): PlannedFault {
  return { atMs, fault: { kind: "clock-step", ms } };
}

test("a clock that is hours ahead until it is set right costs no window that is still to come", async () => {
  const faults = [step(MINUTE_MS, 2 * HOUR_MS), step(5 * MINUTE_MS, 0)];
  const { findings } = await simulate({ ...toScenario(WINDOW), faults });
  assert.ok(Math.abs(findings.soundFromMs - NOON) < 5000, new Date(findings.soundFromMs).toISOString());
  assert.ok(Math.abs(findings.soundToMs - NOON - 10 * MINUTE_MS) < 1000);
  assert.equal(findings.lostSeconds, 0);
});

test("a window that a machine slept through is a gap that says so", async () => {
  const { findings } = await simulate({ ...toScenario(WINDOW), faults: [step(MINUTE_MS, HOUR_MS)] });
  assert.equal(findings.soundSeconds, 0);
  assert.deepEqual(findings.gapSeconds, { suspended: 600 });
});

test("a recorder that was killed goes on exactly where it was also when the clock was set back meanwhile", async () => {
  const faults: PlannedFault[] = [
    { atMs: 5 * MINUTE_MS, fault: { kind: "kill", downMs: 2000 } },
    step(5 * MINUTE_MS + 1000, -30_000),
  ];
  const scenario = toScenario({ durationMs: 10 * MINUTE_MS });
  const server = { ...scenario.server, dateErrorMs: undefined };
  const { findings } = await simulate({ ...scenario, server, faults });
  assert.deepEqual([findings.sessions, findings.lostSeconds, findings.doubledSeconds], [2, 0, 0]);
  assert.deepEqual(findings.gapSeconds, {});
  assert.equal(findings.events["stitch"], 1);
});
