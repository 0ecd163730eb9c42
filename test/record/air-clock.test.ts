import assert from "node:assert/strict";
import { test } from "node:test";

import { AirClock, toClockErrorMs } from "../../src/record/air-clock.ts";

const NOW = { wallMs: 1_700_000_000_000, monotonicMs: 5000 };

test("a burst of older audio does not make the recording late", () => {
  const air = new AirClock(NOW, undefined);
  const burstSeconds = 4;
  air.observe(NOW.monotonicMs + 20, burstSeconds);
  for (let second = 1; second < 10; second++)
    air.observe(NOW.monotonicMs + 20 + second * 1000, burstSeconds + second);
  assert.equal(air.startMs, NOW.wallMs + 20 - burstSeconds * 1000);
});

test("the earliest arrival counts, not the first", () => {
  const air = new AirClock(NOW, undefined);
  air.observe(NOW.monotonicMs + 300, 0);
  air.observe(NOW.monotonicMs + 1010, 1);
  air.observe(NOW.monotonicMs + 2200, 2);
  assert.equal(air.startMs, NOW.wallMs + 10);
});

test("arrivals later than the first seconds change nothing", () => {
  const air = new AirClock(NOW, undefined);
  air.observe(NOW.monotonicMs, 0);
  air.observe(NOW.monotonicMs + 20_000, 30);
  assert.equal(air.startMs, NOW.wallMs);
});

test("a Date near this machine's time is only proof of it; one that differs wins", () => {
  assert.equal(toClockErrorMs(NOW.wallMs, undefined), 0);
  assert.equal(toClockErrorMs(NOW.wallMs, NOW.wallMs - 1000), 0);
  assert.equal(toClockErrorMs(NOW.wallMs, NOW.wallMs + 1900), 0);
  const dayMs = 86_400_000;
  assert.equal(toClockErrorMs(NOW.wallMs, NOW.wallMs - dayMs), 500 - dayMs);
  const air = new AirClock(NOW, NOW.wallMs - dayMs);
  air.observe(NOW.monotonicMs, 0);
  assert.equal(air.startMs, NOW.wallMs - dayMs + 500);
});
