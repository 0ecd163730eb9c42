import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { startStation } from "../../src/station/station.ts";
import { type KilledShow, KilledShows, type Loss, toExcess, toMounts } from "../support/killed-shows.ts";
import { mainPath, type RunningProcess, startProcess } from "../support/run-cli.ts";
import { readTracer, waitUntilHeld } from "../support/stopped-process.ts";

const SHOW: KilledShow = {
  name: "live",
  mount: { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2, burstBytes: 0 },
  out: "opus",
};

/** Everything by which a database or a directory changes. */
const CALLS = "pwrite64,write,fsync,fdatasync,ftruncate,rename,unlink";

/** Files by their suffix, in the directory of the databases. */
type Series = { title: string; files: readonly string[]; calls: string; isFresh: boolean };

/**
 * A call is counted in each thread by itself, and the main thread is killed before the recording one has begun. So
 * there is one series in which only the main thread writes much, and others whose files are written by the recording one.
 */
const SERIES: readonly Series[] = [
  {
    title: "while a database is created",
    files: [
      ".recorder.lock",
      ".recorder.lock-journal",
      ".live.sqlite.new",
      ".live.sqlite.new-journal",
      ".live.sqlite.new-wal",
      ".live.sqlite.new-shm",
      "live.sqlite",
    ],
    calls: CALLS,
    isFresh: true,
  },
  {
    title: "on the log of a recording",
    files: ["live.sqlite-wal"],
    calls: "pwrite64,fsync,fdatasync,ftruncate",
    isFresh: false,
  },
  {
    title: "on the database of a recording",
    files: ["live.sqlite"],
    calls: "pwrite64,fsync,fdatasync,ftruncate",
    isFresh: false,
  },
];

/** How long a recorder that is not killed before goes on, and is then asked to stop. */
const RECORD_MS = 3500;

const LOST_MS_MAX = 1000;

/** A call is held for so long at most; the kill comes much earlier, and ends the tracer too, which would wait. */
const HOLD_SECONDS = 20;

/** More calls than this are no short recording. */
const CALLS_MAX = 1000;

/** Kills at call `first`, and at every `step`-th after it, until a run ends without having come so far. */
export function testWriteKills({ first, step }: { first: number; step: number }): void {
  const canTrace = spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]).status === 0;
  const skip = canTrace ? false : "strace is not installed, or may not trace";
  for (const series of SERIES) {
    test(`a kill at every write ${series.title}, from ${first} by ${step}`, { skip }, async (context) => {
      await using station = await startStation({ mounts: toMounts([SHOW]) });
      let shows = await KilledShows.start([SHOW], station);
      const losses: Loss[] = [];
      let call = first;
      try {
        for (; await killAt(shows, series, call); call += step) {
          assert.ok(call < CALLS_MAX, "a short recording has an end");
          if (!series.isFresh) continue;
          await shows.recover();
          losses.push(...(await shows.measure()).losses);
          await shows[Symbol.asyncDispose]();
          shows = await KilledShows.start([SHOW], station);
        }
        await shows.recover();
        losses.push(...(await shows.measure()).losses);
      } finally {
        await shows[Symbol.asyncDispose]();
      }
      const lostMs = Math.max(0, ...losses.map((loss) => loss.lostMs));
      context.diagnostic(`${call - first} calls, ${losses.length} with sound, at most ${lostMs} ms lost`);
      assert.ok(call > first, "the recorder was killed");
      assert.deepEqual(toExcess(losses, LOST_MS_MAX), []);
    });
  }
}

/** Lets the recorder run until call `call`, and kills it there; false when it came to its end before. */
async function killAt(shows: KilledShows, series: Series, call: number): Promise<boolean> {
  const files = series.files.flatMap((file) => ["-P", join(shows.directory, file)]);
  const hold = `inject=${series.calls}:delay_enter=${HOLD_SECONDS * 1_000_000}:when=${call}`;
  const trace = ["-D", "-f", "-qq", "-o", "/dev/null", ...files, "-e", `trace=${series.calls}`, "-e", hold];
  const command = [process.execPath, mainPath, "record", "-c", shows.config];
  await using recorder = startProcess("strace", [...trace, ...command]);
  void stopLater(recorder);
  if (!(await waitUntilHeld(recorder.pid))) {
    const { status, stderr } = await recorder.exited;
    assert.equal(status, 0, stderr);
    return false;
  }
  const tracer = readTracer(recorder.pid);
  await shows.kill(recorder, () => process.kill(tracer, "SIGKILL"));
  return true;
}

async function stopLater(recorder: RunningProcess): Promise<void> {
  try {
    await recorder.waitForLine(/recording begins/, 30_000);
    await delay(RECORD_MS);
    recorder.kill("SIGTERM");
  } catch {
    // It was killed before.
  }
}
