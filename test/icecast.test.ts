import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { startIcecast, startSource, writeToneClock } from "./support/icecast.ts";
import { measureSession, type RawSession, readSessions } from "./support/measure.ts";
import { root, runCli, runProcess, startCli } from "./support/run-cli.ts";
import { tempDir } from "./support/temp-dir.ts";

/** How much sound has to be there in the end. The recorder runs a little longer, and the source longer still. */
const SOUND_SECONDS = 60;
const RECORD_SECONDS = SOUND_SECONDS + 2;
const SOURCE_SECONDS = RECORD_SECONDS + 15;

/** The copy is as far as the last whole segment when it was made. */
const COPY_SECONDS = SOUND_SECONDS - 6;

const FORMATS = ["mp3", "aac"] as const;

test("60 s of MP3 and AAC from Icecast are recorded, synced meanwhile, and decode to their duration", async () => {
  using dir = tempDir();
  const stationDir = join(dir.path, "icecast");
  mkdirSync(stationDir);
  await using icecast = await startIcecast(stationDir);
  const file = join(dir.path, "tone.wav");
  writeToneClock(file, SOURCE_SECONDS);
  await using mp3Source = startSource(icecast, { file, path: "/mp3", format: "mp3" });
  await using aacSource = startSource(icecast, { file, path: "/aac", format: "aac" });
  await delay(2000);
  const config = writeConfig(dir.path, icecast.port);
  await using recorder = startCli(["record", "-c", config]);
  const [, url = ""] = await recorder.waitForLine(/player at (http:\S+)/);
  await delay((RECORD_SECONDS / 2) * 1000);
  const sync = ["sync", "-r", url, "-l", join(dir.path, "archive"), "-n", "mp3", "-n", "aac"];
  const early = await runCli(sync);
  assert.equal(early.status, 0, early.stderr);
  assert.match(
    early.stdout,
    /mp3: [1-9]\d* segments.*\naac: [1-9]\d* segments/,
    `rows came while recording went on; ${recorder.stderr}`,
  );
  await delay((RECORD_SECONDS / 2) * 1000);
  const live = await runCli(sync);
  assert.equal(live.status, 0, live.stderr);
  assert.deepEqual([mp3Source.stderr, aacSource.stderr], ["", ""], "the sources play to the end");
  assert.equal((await recorder.stop()).status, 0, recorder.stderr);
  for (const format of FORMATS) {
    await checkRecording(join(dir.path, "recordings", `${format}.sqlite`), SOUND_SECONDS);
    await checkRecording(join(dir.path, "archive", `${format}.sqlite`), COPY_SECONDS);
  }
});

/** One session, readable by ffprobe, as long as its rows say, and with every second of the tone clock in it. */
async function checkRecording(path: string, secondsMin: number): Promise<void> {
  const sessions = readSessions(path);
  const [session] = sessions;
  assert.ok(session !== undefined && sessions.length === 1, `${path} holds ${sessions.length} sessions`);
  assert.ok(
    session.durationSamples >= secondsMin * 48_000,
    `${path} holds ${session.durationSamples / 48_000} s`,
  );
  await checkFfprobe(`${path}.opus`, session);
  const report = await measureSession(session);
  assert.equal(report.samples, session.durationSamples, `${path} decodes to the sum of duration_samples`);
  assert.deepEqual([report.missing, report.doubled], [[], []]);
  assert.ok(
    report.lostMs < 1 && report.doubledMs < 1,
    `${path}: ${report.lostMs} ms lost, ${report.doubledMs} doubled`,
  );
}

async function checkFfprobe(file: string, session: RawSession): Promise<void> {
  writeFileSync(file, session.audio);
  const args = [
    "-v",
    "error",
    "-show_entries",
    "stream=codec_name,channels,sample_rate",
    "-of",
    "csv=p=0",
    file,
  ];
  const probe = await runProcess("ffprobe", args, { cwd: root });
  assert.deepEqual([probe.status, probe.stderr, probe.stdout.trim()], [0, "", "opus,48000,1"]);
}

function writeConfig(directory: string, port: number): string {
  const shows = FORMATS.map(
    (format) =>
      `[[shows]]\nname = "${format}"\nurl = "http://127.0.0.1:${port}/${format}"\nsplit_interval = 5\nbitrate = 64\n`,
  );
  const path = join(directory, "record.toml");
  writeFileSync(path, `[api]\nport = 0\n${shows.join("")}`);
  return path;
}
