import assert from "node:assert/strict";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { samplesToMs } from "../../src/core/segment.ts";
import { type Station, startStation } from "../../src/station/station.ts";
import { isGreen, waitForHealth } from "../support/health.ts";
import { measureSession, type RawSession, readSessions } from "../support/measure.ts";
import { FILLER, fillUp, mountTmpfs, whyNoMount } from "../support/mounts.ts";
import { type RunningProcess, startCli } from "../support/run-cli.ts";
import { readEvents, readIds } from "../support/sender-database.ts";
import { tempDir } from "../support/temp-dir.ts";

const CYCLES = Number(process.env["DISK_CYCLES"] ?? 2);

const skip = whyNoMount ?? false;

/** Long enough for a hole that the burst of a second does not fill. */
const HELD_MS = 4000;

const SHOWS = ["opus", "wav"] as const;

test(
  `${CYCLES} times full and free again: told, nothing stored is lost, and only the holes are missing`,
  { skip },
  async (context) => {
    using disk = mountTmpfs(16);
    await using station = await startTone();
    await using recorder = startRecorder(disk.path, station);
    const url = await toUrl(recorder);
    await waitForHealth(url, isGreen);
    const fullMs: { fromMs: number; toMs: number }[] = [];
    const seen = new Map<string, number>();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      await delay(3000);
      const fromMs = Date.now();
      fillUp(disk.path);
      const red = await waitForHealth(url, (health) => health.status === "failing");
      context.diagnostic(`red after ${Math.round(red.tookMs)} ms`);
      await waitForHealth(url, (health) => health.shows.every((show) => show.state === "disk-full"));
      await eatBallast(disk.path, cycle);
      for (const [key, crc32] of await readDigests(url)) seen.set(key, crc32);
      const toMs = Date.now();
      rmSync(join(disk.path, FILLER));
      const green = await waitForHealth(url, isGreen);
      context.diagnostic(`green after ${Math.round(green.tookMs)} ms`);
      fullMs.push({ fromMs, toMs });
    }
    await delay(3000);
    const held = await readDigests(url);
    const result = await recorder.stop();
    assert.equal(result.status, 0, result.stderr);
    for (const [key, crc32] of seen) assert.equal(held.get(key), crc32, `row ${key} is as it was shown`);
    for (const name of SHOWS) await checkShow(join(disk.path, "rec", `${name}.sqlite`), fullMs);
  },
);

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
    const path = join(disk.path, "rec", `${name}.sqlite`);
    assert.equal(
      readSessions(path).length,
      2,
      "what was heard before the kill is there, and what was heard after",
    );
    checkIntegrity(path);
  }
});

test(
  "retention makes room by itself: what is older than it goes, and recording goes on",
  { skip },
  async () => {
    using disk = mountTmpfs(16);
    const rec = join(disk.path, "rec");
    await using station = await startTone();
    {
      await using recorder = startRecorder(disk.path, station);
      await waitForHealth(await toUrl(recorder), isGreen);
      await recorder.stop();
    }
    const path = join(rec, "opus.sqlite");
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

async function startTone(): Promise<Station> {
  const mount = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2, path: "/a" } as const;
  return await startStation({ mounts: [{ ...mount, burstBytes: 16_000 }] });
}

/** Two shows on one disk; the configuration is elsewhere. */
function startRecorder(disk: string, station: Station): RunningProcess {
  const dir = tempDir();
  const shows = SHOWS.map(
    (name) =>
      `[[shows]]\nname = "${name}"\nurl = "${station.url("/a")}"\nsplit_interval = 2\nretention_hours = 1\naudio_format = "${name}"\n`,
  );
  const config = join(dir.path, "record.toml");
  writeFileSync(config, `output_dir = "${join(disk, "rec")}"\n[api]\nport = 0\n${shows.join("")}`);
  const recorder = startCli(["record", "-c", config]);
  void recorder.exited.finally(() => dir[Symbol.dispose]());
  return recorder;
}

async function toUrl(recorder: RunningProcess): Promise<string> {
  const [, url = ""] = await recorder.waitForLine(/player at (http:\S+)/, 30_000);
  return url;
}

/** Every other time, something else takes what the ballast gave up too, so that not a byte can be written. */
async function eatBallast(disk: string, cycle: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < HELD_MS; waitedMs += 100) {
    if (cycle % 2 === 0) fillUp(disk);
    await delay(100);
  }
}

/** CRCs of all rows that the API shows, by show and id. */
async function readDigests(url: string): Promise<Map<string, number>> {
  const digests = new Map<string, number>();
  for (const name of SHOWS) {
    const answer = await fetch(`${url}/api/sync/shows/${name}/segments?start_id=1&end_id=100000&limit=1000`);
    assert.equal(answer.status, 200);
    const rows: { id: number; crc32: number }[] = JSON.parse(await answer.text());
    for (const { id, crc32 } of rows) digests.set(`${name} ${id}`, crc32);
  }
  return digests;
}

/** Sessions are whole; between two of them there is a gap that says so, where the disk was full, and as long as it says. */
async function checkShow(path: string, fullMs: readonly { fromMs: number; toMs: number }[]): Promise<void> {
  checkIntegrity(path);
  const sessions = readSessions(path);
  const gaps = readEvents(path).filter((event) => event.kind === "gap");
  assert.equal(sessions.length, fullMs.length + 1);
  assert.equal(gaps.length, fullMs.length);
  for (const session of sessions) {
    const report = await measureSession(session);
    assert.equal(report.samples, session.durationSamples);
    assert.deepEqual([report.missing, report.doubled], [[], []]);
    assert.ok(
      report.lostMs < 1 && report.doubledMs < 1,
      `${report.lostMs} lost, ${report.doubledMs} doubled`,
    );
    assert.ok(Math.abs(report.worstErrorMs ?? Infinity) <= 250, `off by ${report.worstErrorMs} ms`);
  }
  for (const [index, { data }] of gaps.entries()) {
    const gap: { start_ms: number; end_ms: number; reason: string } = JSON.parse(JSON.stringify(data));
    const full = fullMs[index] ?? { fromMs: 0, toMs: 0 };
    assert.equal(gap.reason, "disk-full");
    assert.ok(
      Math.abs(gap.start_ms - toEndMs(sessions[index])) < 100,
      "it begins where the stored sound ends",
    );
    assert.ok(
      Math.abs(gap.end_ms - (sessions[index + 1]?.rows[0]?.timestampMs ?? 0)) < 100,
      "and ends with sound",
    );
    assert.ok(
      gap.start_ms >= full.fromMs - 1000,
      `${full.fromMs - gap.start_ms} ms before the disk was full`,
    );
    assert.ok(gap.end_ms >= full.toMs - 3000, "it does not end while the disk is full");
  }
}

function checkIntegrity(path: string): void {
  using database = new DatabaseSync(path);
  assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
}

function toEndMs(session: RawSession | undefined): number {
  const last = session?.rows.at(-1);
  return last === undefined ? 0 : last.timestampMs + samplesToMs(last.durationSamples);
}

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
