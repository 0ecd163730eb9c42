import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { systemClock } from "../../src/core/clock.ts";
import { type Station, startStation } from "../../src/station/station.ts";
import { measureSession, readSessions } from "../support/measure.ts";
import { startCli } from "../support/run-cli.ts";
import { tempDir } from "../support/temp-dir.ts";

const DAY_MS = 86_400_000;

const MP3 = { format: "mp3", bitrateKbps: 64, sampleRate: 44_100, channels: 1 } as const;
const BYTES_PER_SECOND = 8000;

/** One station each: what is wrong with its `Date` and its clock, and how long the burst of its one mount is. */
type Trial = { name: string; dateOffsetMs?: number | "absent"; driftPpm?: number; burstSeconds: number };

const TRIALS: readonly Trial[] = [
  { name: "no-burst", burstSeconds: 0 },
  { name: "burst-3", burstSeconds: 3 },
  { name: "burst-10", burstSeconds: 10 },
  { name: "no-date", dateOffsetMs: "absent", burstSeconds: 0 },
  { name: "no-date-burst-10", dateOffsetMs: "absent", burstSeconds: 10 },
  { name: "tomorrow", dateOffsetMs: DAY_MS, burstSeconds: 5 },
  { name: "yesterday", dateOffsetMs: -DAY_MS, burstSeconds: 10 },
  { name: "fast", driftPpm: 500, burstSeconds: 4 },
  { name: "slow", driftPpm: -500, burstSeconds: 0 },
];

const ERROR_MS_MAX = 250;

/** The tone clock tells the time within an hour; that the day is the right one is looked at apart. */
const DAY_ERROR_MS_MAX = 60_000;

/** Records for so long, and holds what each second claims against when it left its station. */
export function testLiveTime({ seconds }: { seconds: number }): void {
  test(`${seconds} s live: every second is within ${ERROR_MS_MAX} ms of the truth`, async (context) => {
    using dir = tempDir();
    const startMs = Date.now();
    await using stack = new AsyncDisposableStack();
    const stations = await Promise.all(TRIALS.map((trial) => start(trial, startMs)));
    for (const station of stations) stack.use(station);
    {
      await using recorder = startCli(["record", "-c", writeConfig(dir.path, stations)]);
      await recorder.waitForLine(/recording begins/);
      await delay(seconds * 1000);
      assert.equal((await recorder.stop()).status, 0, recorder.stderr);
    }
    const worst: Record<string, number> = {};
    for (const trial of TRIALS) {
      const errors = await measureErrors(
        join(dir.path, "recordings", `${trial.name}.sqlite`),
        trial,
        startMs,
      );
      assert.ok(errors.length >= seconds - 3, `${trial.name}: ${errors.length} seconds were heard`);
      worst[trial.name] = Math.round(Math.max(...errors.map(Math.abs)));
    }
    context.diagnostic(`worst error in ms: ${JSON.stringify(worst)}`);
    const beyond = Object.entries(worst).filter(([, errorMs]) => errorMs > ERROR_MS_MAX);
    assert.deepEqual(beyond, []);
  });
}

async function start(trial: Trial, startMs: number): Promise<Station> {
  const rate = 1 + (trial.driftPpm ?? 0) / 1e6;
  return await startStation({
    mounts: [{ ...MP3, path: "/live", burstBytes: trial.burstSeconds * BYTES_PER_SECOND }],
    dateOffsetMs: trial.dateOffsetMs ?? 0,
    clock: { ...systemClock, nowMs: () => startMs + (Date.now() - startMs) * rate },
  });
}

/** Claimed less true time of each second that was heard. A clock that runs fast or slow is right at `startMs`. */
async function measureErrors(path: string, trial: Trial, startMs: number): Promise<number[]> {
  const rate = 1 + (trial.driftPpm ?? 0) / 1e6;
  const offsetMs = typeof trial.dateOffsetMs === "number" ? trial.dateOffsetMs : 0;
  const sessions = readSessions(path);
  assert.equal(sessions.length, 1, `${path} is one session`);
  const errors: number[] = [];
  for (const session of sessions) {
    const claimedMs = session.rows[0]?.timestampMs ?? 0;
    assert.ok(Math.abs(claimedMs - startMs - offsetMs) < DAY_ERROR_MS_MAX, `${path} begins at ${claimedMs}`);
    const report = await measureSession(session);
    for (const { unixS, errorMs } of report.errors) {
      const stationMs = unixS * 1000 - offsetMs;
      const trueMs = startMs + (stationMs - startMs) / rate + offsetMs;
      errors.push(unixS * 1000 + errorMs - trueMs);
    }
  }
  return errors;
}

function writeConfig(directory: string, stations: readonly Station[]): string {
  const shows = TRIALS.map(
    ({ name }, index) =>
      `[[shows]]\nname = "${name}"\nurl = "${stations[index]?.url("/live")}"\nsplit_interval = 5\nbitrate = 64\n`,
  );
  const path = join(directory, "record.toml");
  writeFileSync(path, `[api]\nport = 0\n${shows.join("")}`);
  return path;
}
