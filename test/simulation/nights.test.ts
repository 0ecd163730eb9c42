/** A recorder that really records through the nights in which clocks change, and through midnight. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { HOUR_MS, toRule, toScenario, toShow } from "./scenario.ts";
import { simulate } from "./simulate.ts";

const MINUTE_MS = 60_000;

/** Sound may begin earlier, with a burst, and end as much earlier as the last of it takes to arrive. */
const EDGE_MS = 1000;

/** The nights of 2026, worked out by hand; what comes twice is recorded twice. */
const NIGHTS = [
  { timezone: "Europe/Berlin", rule: ["01:50", "03:10"], from: "2026-03-29T00:50Z", to: "2026-03-29T01:10Z" },
  { timezone: "Europe/Berlin", rule: ["02:50", "03:10"], from: "2026-10-25T00:50Z", to: "2026-10-25T02:10Z" },
  {
    timezone: "America/New_York",
    rule: ["01:50", "03:10"],
    from: "2026-03-08T06:50Z",
    to: "2026-03-08T07:10Z",
  },
  {
    timezone: "America/New_York",
    rule: ["00:50", "01:10"],
    from: "2026-11-01T04:50Z",
    to: "2026-11-01T06:10Z",
  },
  {
    timezone: "Australia/Lord_Howe",
    rule: ["01:20", "01:40"],
    from: "2026-04-04T14:20Z",
    to: "2026-04-04T15:10Z",
  },
  {
    timezone: "Australia/Lord_Howe",
    rule: ["01:50", "03:10"],
    from: "2026-10-03T15:20Z",
    to: "2026-10-03T16:10Z",
  },
] as const;

for (const { timezone, rule, from, to } of NIGHTS) {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const minutes = (toMs - fromMs) / MINUTE_MS;
  test(`${rule[0]} to ${rule[1]} in ${timezone} are ${minutes} minutes from ${from} on, and all of them are recorded`, async () => {
    const startMs = fromMs - 20 * MINUTE_MS;
    const { findings, faults } = await simulate(
      toScenario({
        startMs,
        durationMs: toMs - startMs + 5 * MINUTE_MS,
        format: "aacAt8",
        show: toShow({ timezone, schedule: [toRule(rule[0], rule[1])] }),
        // At the change itself, or near it.
        faults: [
          { atMs: 30 * MINUTE_MS, fault: { kind: "drop", how: "reset" } },
          { atMs: 32 * MINUTE_MS, fault: { kind: "kill", downMs: 1000 } },
        ],
      }),
    );
    assert.deepEqual(faults, []);
    assert.deepEqual([findings.lostSeconds, findings.doubledSeconds], [0, 0]);
    assert.deepEqual(findings.gapSeconds, {});
    assert.ok(findings.soundFromMs <= fromMs + EDGE_MS, new Date(findings.soundFromMs).toISOString());
    assert.ok(findings.soundFromMs > fromMs - MINUTE_MS, new Date(findings.soundFromMs).toISOString());
    assert.ok(Math.abs(findings.soundToMs - toMs) <= EDGE_MS, new Date(findings.soundToMs).toISOString());
  });
}

/** Of these, Beirut has no midnight in the night, and Havana has two. */
const MIDNIGHTS = [
  { timezone: "Europe/Berlin", at: "2026-03-29T22:00Z" },
  { timezone: "Asia/Beirut", at: "2026-03-28T22:00Z" },
  { timezone: "America/Havana", at: "2026-11-01T04:00Z" },
];

for (const { timezone, at } of MIDNIGHTS) {
  test(`around the clock in ${timezone}, a session begins at midnight, at ${at}, without a break`, async () => {
    const midnightMs = Date.parse(at);
    const scenario = toScenario({
      startMs: midnightMs - 5 * MINUTE_MS,
      durationMs: HOUR_MS / 6,
      show: toShow({ timezone }),
    });
    const { findings, faults } = await simulate(scenario);
    assert.deepEqual(faults, []);
    assert.deepEqual([findings.lostSeconds, findings.doubledSeconds], [0, 0]);
    assert.deepEqual(findings.gapSeconds, {});
    const [, boundaryMs = Infinity, ...more] = findings.boundariesMs;
    assert.deepEqual(more, []);
    const splitMs = scenario.show.format.splitIntervalSeconds * 1000;
    assert.ok(
      boundaryMs >= midnightMs && boundaryMs <= midnightMs + splitMs,
      new Date(boundaryMs).toISOString(),
    );
  });
}
