import assert from "node:assert/strict";
import { test } from "node:test";

import { toDowntimeGaps } from "../../src/record/downtime.ts";
import { GapLedger } from "../../src/record/gap-ledger.ts";

const HOUR_MS = 3_600_000;
const MIDNIGHT = Date.UTC(2026, 10, 23);
const AROUND_THE_CLOCK = { schedule: [], timezone: "UTC", padBeforeMs: 0, padAfterMs: 0 };
const MORNINGS = {
  ...AROUND_THE_CLOCK,
  schedule: [{ weekdays: [1, 2, 3, 4, 5, 6, 7], startMinute: 9 * 60, endMinute: 10 * 60 }],
};

test("a gap is booked once, with its first reason, from its first moment to the next sound", () => {
  const gaps = new GapLedger();
  gaps.open({ startMs: 1000, reason: "stalled", detail: "first" });
  gaps.open({ startMs: 2000, reason: "connect-failed", detail: "second" });
  assert.deepEqual(gaps.toEvents(9000), [
    {
      timestampMs: 1000,
      kind: "gap",
      data: { start_ms: 1000, end_ms: 9000, reason: "stalled", detail: "first" },
    },
  ]);
  gaps.close();
  assert.deepEqual(gaps.toEvents(10_000), []);
});

test("where the sound of both sides meets there is no gap", () => {
  const gaps = new GapLedger();
  gaps.open({ startMs: 1000, reason: "disconnected", detail: "" });
  assert.deepEqual(gaps.toEvents(900), []);
  gaps.close();
  gaps.open({ startMs: 1000, reason: "disconnected", detail: "" });
  assert.deepEqual(gaps.toEvents(1100), []);
});

test("around the clock, what was missed while nobody recorded is one gap that is still open", () => {
  const gaps = toDowntimeGaps(
    AROUND_THE_CLOCK,
    { soundEndMs: MIDNIGHT, endMs: MIDNIGHT, wasStopped: false },
    MIDNIGHT + HOUR_MS,
  );
  assert.deepEqual(gaps, [{ startMs: MIDNIGHT, endMs: MIDNIGHT + HOUR_MS, reason: "crashed", detail: "" }]);
});

test("with a schedule, each window that was missed is a gap, and the time between is none", () => {
  const history = { soundEndMs: undefined, endMs: MIDNIGHT + 9.5 * HOUR_MS, wasStopped: true };
  const nowMs = MIDNIGHT + 57.25 * HOUR_MS;
  const spans = toDowntimeGaps(MORNINGS, history, nowMs).map((gap) => [
    (gap.startMs - MIDNIGHT) / HOUR_MS,
    (gap.endMs - MIDNIGHT) / HOUR_MS,
    gap.reason,
  ]);
  assert.deepEqual(spans, [
    [9.5, 10, "stopped"],
    [33, 34, "stopped"],
    [57, 57.25, "stopped"],
  ]);
});

test("a new show has missed nothing", () => {
  assert.deepEqual(toDowntimeGaps(AROUND_THE_CLOCK, undefined, MIDNIGHT), []);
});
