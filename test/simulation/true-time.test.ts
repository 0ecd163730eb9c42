/** How far the time of each sound is from the truth, over an hour, and over days with `SIMULATED_HOURS`. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { HOUR_MS, toScenario } from "./scenario.ts";
import { simulate } from "./simulate.ts";
import { ERROR_MS_MAX } from "./time-reference.ts";

const HOURS = Number(process.env["SIMULATED_HOURS"] ?? 1);
const DAY_MS = 24 * HOUR_MS;

const BURSTS_MS = [0, 1000, 4000, 10_000];
const DRIFTS_PPM = [0, 500, -500];
const DATES_MS = [0, undefined, DAY_MS, -DAY_MS];

type Case = { burstMs: number; driftPpm: number; dateErrorMs: number | undefined };

/** The extremes of each setting. */
const SOME: readonly Case[] = [
  { burstMs: 0, driftPpm: 500, dateErrorMs: -DAY_MS },
  { burstMs: 10_000, driftPpm: -500, dateErrorMs: undefined },
  { burstMs: 4000, driftPpm: 0, dateErrorMs: DAY_MS },
];

const EACH: readonly Case[] = BURSTS_MS.flatMap((burstMs) =>
  DRIFTS_PPM.flatMap((driftPpm) => DATES_MS.map((dateErrorMs) => ({ burstMs, driftPpm, dateErrorMs }))),
);

for (const { burstMs, driftPpm, dateErrorMs } of HOURS > 1 ? EACH : SOME) {
  const date = dateErrorMs === undefined ? "none" : `${dateErrorMs / DAY_MS} days wrong`;
  test(`a burst of ${burstMs} ms, a clock off by ${driftPpm} ppm, a Date ${date}: right at every second of an hour`, async (t) => {
    const { server, ...scenario } = toScenario({ driftPpm });
    const outcome = await simulate({
      ...scenario,
      server: { ...server, burstMs, dateErrorMs, blockBytes: 400 },
    });
    t.diagnostic(`${outcome.findings.errorMsMax.toFixed(0)} ms at most`);
    assert.deepEqual(outcome.faults, []);
    assert.ok(outcome.findings.errorMsMax <= ERROR_MS_MAX);
    assert.equal(outcome.findings.sessions, 1);
  });
}

for (const driftPpm of HOURS > 1 ? [500, -500] : []) {
  test(`a clock off by ${driftPpm} ppm for ${HOURS} hours: right at every second, without a break`, async (t) => {
    const { findings, faults } = await simulate(toScenario({ driftPpm, durationMs: HOURS * HOUR_MS }));
    t.diagnostic(`${findings.errorMsMax.toFixed(0)} ms at most`);
    assert.deepEqual(faults, []);
    assert.deepEqual([findings.lostSeconds, findings.doubledSeconds], [0, 0]);
    assert.deepEqual(findings.gapSeconds, {});
  });
}
