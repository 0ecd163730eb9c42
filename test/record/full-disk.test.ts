import assert from "node:assert/strict";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { testFullDiskCycles } from "../campaign/full-disk-cycles.ts";
import { isGreen, waitForHealth } from "../support/health.ts";
import { readSessions } from "../support/measure.ts";
import { FILLER, fillUp, mountTmpfs, whyNoMount } from "../support/mounts.ts";
import { readIds } from "../support/sender-database.ts";
import {
  checkIntegrity,
  eatBallast,
  SHOWS,
  startRecorder,
  startTone,
  toShowPath,
  toUrl,
} from "../support/small-disk.ts";

const skip = whyNoMount ?? false;

testFullDiskCycles({ cycles: 2 });

test("a disk that was full all the while is no reason not to start, and not to stop", { skip }, async () => {
  using disk = mountTmpfs(8);
  await using station = await startTone();
  {
    await using recorder = startRecorder(disk.path, station);
    await waitForHealth(await toUrl(recorder), isGreen);
    await delay(2000);
    recorder.kill("SIGKILL");
    await recorder.exited;
  }
  rmSync(join(disk.path, "rec", ".recorder.ballast"));
  fillUp(disk.path);
  await using recorder = startRecorder(disk.path, station);
  const url = await toUrl(recorder);
  await waitForHealth(url, (health) => health.shows.every((show) => show.state === "disk-full"));
  rmSync(join(disk.path, FILLER));
  await waitForHealth(url, isGreen);
  await delay(2000);
  await eatBallast(disk.path, 0);
  await waitForHealth(url, (health) => health.shows.every((show) => show.state === "disk-full"));
  const startMs = performance.now();
  assert.equal((await recorder.stop()).status, 0);
  assert.ok(performance.now() - startMs < 2000);
  for (const name of SHOWS) {
    const path = toShowPath(disk.path, name);
    // What was heard before the kill and not yet encoded may be one of its own.
    const sessions = readSessions(path).length;
    assert.ok(sessions === 2 || sessions === 3, `${sessions} sessions, before the kill and after`);
    checkIntegrity(path);
  }
});

test(
  "retention makes room by itself: what is older than it goes, and recording goes on",
  { skip },
  async () => {
    using disk = mountTmpfs(16);
    await using station = await startTone();
    {
      await using recorder = startRecorder(disk.path, station);
      await waitForHealth(await toUrl(recorder), isGreen);
      await recorder.stop();
    }
    const path = toShowPath(disk.path, "opus");
    growOld(path, 6 * 1024 * 1024);
    const lengthBefore = statSync(path).size;
    const idsBefore = readIds(path);
    await using recorder = startRecorder(disk.path, station);
    const url = await toUrl(recorder);
    await waitForHealth(url, isGreen);
    fillUp(disk.path);
    await recorder.waitForLine(/opus: the disk is full: deleted \d+ segments older than 1 h/, 60_000);
    await waitForHealth(url, isGreen);
    assert.equal((await recorder.stop()).status, 0);
    assert.ok(statSync(path).size < lengthBefore - 5 * 1024 * 1024, "the room went back to the file system");
    assert.ok(!readIds(path).includes(idsBefore[0] ?? 0));
    checkIntegrity(path);
  },
);

/** Puts the sound that a database holds two days back, and as many bytes before it. */
function growOld(path: string, bytes: number): void {
  using database = new DatabaseSync(path);
  database.exec("UPDATE segments SET timestamp_ms = timestamp_ms - 172800000");
  database.exec("UPDATE events SET timestamp_ms = timestamp_ms - 172800000");
  const insert = database.prepare(
    `INSERT INTO segments (timestamp_ms, is_timestamp_from_source, duration_samples, crc32, audio_data)
     SELECT max(timestamp_ms) + 2000, 1, 96000, 0, randomblob(20000) FROM segments`,
  );
  for (let written = 0; written < bytes; written += 20_000) insert.run();
}
