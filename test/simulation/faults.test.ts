/**
 * The real recorder and its real database in a simulated world: what a station, a network, a machine and a decoder can do
 * wrong, in hours that take seconds. `SEED` repeats a run, `SIMULATED_HOURS` makes it longer (`npm run test:simulation`).
 */
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { before, test, type TestContext } from "node:test";
import { runInNewContext } from "node:vm";

import { createRandom } from "../support/random.ts";
import { ALL_FAULTS, type FaultMix, planFaults } from "./fault-plan.ts";
import { HOUR_MS, toRule, toScenario, toShow } from "./scenario.ts";
import { type Outcome, type Scenario, simulate } from "./simulate.ts";

const HOURS = Number(process.env["SIMULATED_HOURS"] ?? 1);

/** Beside what is kept of each connection and epoch by the simulation itself; a recorder that keeps a day holds ten times as much. */
const HEAP_GROWTH_BYTES_MAX = 12_000_000;

/** In the hour of `npm test` the same things happen each time, so that no change is blamed for chance; longer runs find new ones. */
const DAILY_SEED = 7;

const { seed } = createRandom(HOURS > 1 || process.env["SEED"] !== undefined ? undefined : DAILY_SEED);

before(() => {
  setFlagsFromString("--expose-gc");
  globalThis.gc ??= runInNewContext("gc");
});

function withFaults(mix: FaultMix, more: Partial<Scenario> = {}): Scenario {
  const scenario = toScenario({ seed, durationMs: HOURS * HOUR_MS, ...more });
  const faults = planFaults(
    mix,
    { durationMs: scenario.durationMs, everyMs: 60_000 },
    createRandom(scenario.seed).random,
  );
  return { ...scenario, faults };
}

async function run(t: TestContext, scenario: Scenario): Promise<Outcome> {
  const startedMs = performance.now();
  const outcome = await simulate(scenario);
  const seconds = (performance.now() - startedMs) / 1000;
  const { findings, heapBytes, digest } = outcome;
  const mega = heapBytes.map((bytes) => Math.round(bytes / 1e6));
  t.diagnostic(
    `SEED=${scenario.seed}: ${scenario.durationMs / HOUR_MS} h in ${seconds.toFixed(1)} s, ` +
      `${scenario.faults.length} faults, trace ${digest.slice(0, 12)}, heap MB after each hour ${mega.join(" ")}`,
  );
  t.diagnostic(JSON.stringify({ ...findings, boundariesMs: undefined }));
  assert.deepEqual(outcome.faults, [], `SEED=${scenario.seed}`);
  return outcome;
}

/** Memory after the last hour against that after the first ones, which are needed to fill what is bounded. */
function assertFlat(heapBytes: readonly number[]): void {
  const early = Math.max(...heapBytes.slice(0, 3));
  const late = Math.min(...heapBytes.slice(-3));
  assert.ok(
    late - early < HEAP_GROWTH_BYTES_MAX,
    `${late - early} bytes more after ${heapBytes.length} hours`,
  );
}

test("around the clock, whatever goes wrong: no second unexplained, all rules hold", async (t) => {
  const { findings, heapBytes } = await run(t, withFaults(ALL_FAULTS));
  assertFlat(heapBytes);
  if (HOURS >= 48) assert.ok(findings.retentionRuns > 0, "retention had something to delete");
});

test("windows over midnight, and one of a whole day: no second of them unexplained, all rules hold", async (t) => {
  const schedule = [toRule("22:40", "00:40"), toRule("01:00", "01:30"), toRule("12:00", "12:00", [6])];
  const startMs = Date.UTC(2026, 2, 26, 23);
  const mix = { ...ALL_FAULTS, "clock-step": 0 };
  await run(t, withFaults(mix, { seed: seed + 1, startMs, show: toShow({ schedule }) }));
});

test("a connection that is only dropped costs no sample, no session and no gap", async (t) => {
  const { findings } = await run(t, withFaults({ drop: 1 }, { durationMs: HOUR_MS / 2 }));
  assert.deepEqual([findings.sessions, findings.lostSeconds, findings.doubledSeconds], [1, 0, 0]);
  assert.deepEqual(findings.gapSeconds, {});
});

test("the same seed gives the same trace, another one another", async () => {
  const scenario = withFaults(ALL_FAULTS, { durationMs: HOUR_MS / 2 });
  const [first, second] = [await simulate(scenario), await simulate(scenario)];
  assert.equal(second.digest, first.digest);
  assert.notEqual(
    (await simulate({ ...scenario, seed: seed + 2, durationMs: HOUR_MS / 20 })).digest,
    first.digest,
  );
});
