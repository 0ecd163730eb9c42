import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import { type Station, startStation } from "../../src/station/station.ts";
import { measureSession, readSessions } from "../support/measure.ts";
import { createRandom } from "../support/random.ts";
import { runCli, startCli } from "../support/run-cli.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Each kill hits all shows, so rounds times shows kills are looked at. */
const ROUNDS = Number(process.env["KILL_ROUNDS"] ?? 9);

const SHOWS = [
  { name: "mp3-128", format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2, out: "opus" },
  { name: "mp3-64", format: "mp3", bitrateKbps: 64, sampleRate: 48_000, channels: 1, out: "opus" },
  { name: "aac-96", format: "aac", bitrateKbps: 96, sampleRate: 48_000, channels: 2, out: "opus" },
  { name: "aac-48", format: "aac", bitrateKbps: 48, sampleRate: 44_100, channels: 1, out: "opus" },
  { name: "to-aac", format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2, out: "aac" },
  { name: "to-wav", format: "aac", bitrateKbps: 96, sampleRate: 48_000, channels: 2, out: "wav" },
] as const;

/** Of received audio, on a disk that keeps up. */
const LOST_MS_MAX = 1000;

test(`a SIGKILL costs a second at most: ${ROUNDS} kills of ${SHOWS.length} shows`, async (context) => {
  using dir = tempDir();
  const { random, seed } = createRandom();
  context.diagnostic(`seed ${seed}`);
  await using station = await startStation({
    mounts: SHOWS.map((show) => ({ ...show, path: `/${show.name}` })),
  });
  const config = writeConfig(dir.path, station);
  const lostMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const recorder = startCli(["record", "-c", config]);
    await recorder.waitForLine(/mp3-128: recording begins/);
    await delay(1500 + random() * 2500);
    recorder.kill("SIGKILL");
    const killedMs = Date.now();
    await recorder.exited;
    for (const { name } of SHOWS) lostMs.push(killedMs - readEndMs(toPath(dir.path, name)));
  }
  context.diagnostic(`lost at most ${Math.max(...lostMs)} ms, median ${toMedian(lostMs)} ms`);
  await recoverAll(config);
  for (const { name } of SHOWS) await checkSound(toPath(dir.path, name));
  const verified = await runCli(["verify", join(dir.path, "recordings")], { timeoutMs: 60_000 });
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  assert.ok(Math.max(...lostMs) <= LOST_MS_MAX, `lost ${lostMs.join(", ")} ms`);
});

/** A recorder that starts once more and stops needs no hand. */
async function recoverAll(config: string): Promise<void> {
  await using recorder = startCli(["record", "-c", config]);
  for (const { name } of SHOWS) await recorder.waitForLine(new RegExp(`${name}: recording begins`));
  assert.equal((await recorder.stop()).status, 0);
}

/** Each session is whole and decodes to its duration. */
async function checkSound(path: string): Promise<void> {
  const sessions = readSessions(path);
  assert.ok(sessions.length >= ROUNDS, `${path} holds ${sessions.length} sessions`);
  for (const session of sessions) {
    const report = await measureSession(session);
    assert.equal(report.samples, session.durationSamples);
    assert.deepEqual(
      [report.missing, report.doubled, report.outOfOrder],
      [[], [], 0],
      `${path}: ${JSON.stringify({ ...report, rows: session.rows.map((r) => [r.timestampMs, r.durationSamples]) })}`,
    );
    assert.ok(report.lostMs < 1 && report.doubledMs < 1);
  }
}

/** Unix time at which the durable sound ends, the pieces of an unfinished segment included. */
function readEndMs(path: string): number {
  using database = new DatabaseSync(path);
  assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
  const row = database
    .prepare(
      `SELECT max(end_ms) AS end_ms FROM (
         SELECT timestamp_ms + duration_samples / 48.0 AS end_ms FROM segments
         UNION ALL SELECT max(timestamp_ms) + sum(duration_samples) / 48.0 FROM pieces)`,
    )
    .get();
  return Number(row?.["end_ms"]);
}

function writeConfig(directory: string, station: Station): string {
  const shows = SHOWS.map(
    ({ name, out }) =>
      `[[shows]]\nname = "${name}"\nurl = "${station.url(`/${name}`)}"\nsplit_interval = 5\nbitrate = 64\naudio_format = "${out}"\n`,
  );
  const path = join(directory, "record.toml");
  writeFileSync(path, `[api]\nport = 0\n${shows.join("")}`);
  return path;
}

function toPath(directory: string, name: string): string {
  return join(directory, "recordings", `${name}.sqlite`);
}

function toMedian(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
