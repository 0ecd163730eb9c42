import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import { type Station, startStation } from "../../src/station/station.ts";
import { type CliResult, startCli } from "../support/run-cli.ts";
import { startSender } from "../support/sender-server.ts";
import { syncHere } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

/** One station for all, so that all have the same dead air. */
const MOUNTS = {
  "/mp3": { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 },
  "/aac": { format: "aac", bitrateKbps: 96, sampleRate: 48_000, channels: 2 },
} as const;

const SHOWS = [
  { name: "opus-mono", path: "/mp3", extra: "" },
  { name: "opus-stereo", path: "/aac", extra: "channels = 2" },
  { name: "aac-mono", path: "/aac", extra: 'audio_format = "aac"' },
  { name: "aac-stereo", path: "/mp3", extra: 'audio_format = "aac"\nchannels = 2' },
  { name: "wav-mono", path: "/mp3", extra: 'audio_format = "wav"' },
  { name: "wav-stereo", path: "/aac", extra: 'audio_format = "wav"\nchannels = 2' },
  { name: "replaced", path: "/mp3", extra: "bitrate = 37" },
] as const;

/** Among the arguments of the one encoder that is killed on the way. */
const REPLACED_ARGUMENT = "37k";

const SILENT_MS = 4000;
const WITHIN_MS = 500;

/** The tone clock has 0.96 s of -11.9 dBFS in each second; a byte is 0.35 dB. */
const TONE_BYTE = 221;
const TONE_TOLERANCE = 4;

type Row = { id: number; timestampMs: number; durationSamples: number; loudness: Uint8Array | undefined };
type SilenceData = { start_ms: number; end_ms: number };

const dir = tempDir();
let result: CliResult;
let silent: Record<keyof typeof MOUNTS, { fromMs: number; toMs: number }>;

before(async () => {
  await using station = await startStation({
    mounts: Object.entries(MOUNTS).map(([path, mount]) => ({ ...mount, path, burstBytes: 16_384 })),
  });
  const config = writeConfig(station);
  await using recorder = startCli(["record", "-c", config]);
  for (const { name } of SHOWS) await recorder.waitForLine(new RegExp(`${name}: recording begins`));
  await delay(2000);
  killEncoder(recorder.pid);
  silent = { "/mp3": station.playSilence("/mp3", SILENT_MS), "/aac": station.playSilence("/aac", SILENT_MS) };
  for (const { name } of SHOWS) {
    await recorder.waitForLine(new RegExp(`${name}: dead air: no sound for 2 s`), 20_000);
    await recorder.waitForLine(new RegExp(`${name}: sound is back`), 20_000);
  }
  await delay(2000);
  result = await recorder.stop();
});

after(() => dir[Symbol.dispose]());

for (const { name, path } of SHOWS) {
  test(`${name}: each segment has a byte for each second begun, of the level that was sent`, () => {
    assert.equal(result.status, 0, result.stderr);
    const rows = readRows(toPath(name));
    assert.ok(rows.length >= 3);
    const { fromMs, toMs } = silent[path];
    let loud = 0;
    let quiet = 0;
    for (const { timestampMs, durationSamples, loudness } of rows) {
      assert.equal(loudness?.length, Math.ceil(durationSamples / 48_000));
      for (const [second, byte] of loudness.entries()) {
        const startMs = timestampMs + second * 1000;
        const endMs = Math.min(startMs + 1000, timestampMs + durationSamples / 48);
        if (startMs > fromMs + WITHIN_MS && endMs < toMs - WITHIN_MS) {
          assert.equal(byte, 0, `${startMs - fromMs} ms into dead air`);
          quiet++;
        } else if (endMs - startMs === 1000 && (endMs < fromMs - WITHIN_MS || startMs > toMs + WITHIN_MS)) {
          assert.ok(Math.abs(byte - TONE_BYTE) <= TONE_TOLERANCE, `${byte} is not the tone's level`);
          loud++;
        }
      }
    }
    assert.ok(quiet >= 2 && loud >= 5, `${quiet} seconds without and ${loud} with sound were looked at`);
  });

  test(`${name}: dead air is an event that begins and ends when it did`, () => {
    const [event, ...others] = readSilences(toPath(name));
    assert.ok(event !== undefined && others.length === 0);
    const { fromMs, toMs } = silent[path];
    assert.ok(Math.abs(event.start_ms - fromMs) <= WITHIN_MS, `begins ${event.start_ms - fromMs} ms off`);
    assert.ok(Math.abs(event.end_ms - toMs) <= WITHIN_MS, `ends ${event.end_ms - toMs} ms off`);
  });
}

test("replaced: the encoder was killed on the way, and nothing of the above shows it", () => {
  assert.equal(readEvents(toPath("replaced"), "decoder-replaced").length, 1);
});

test("a show that does not ask for it has no such event", () => {
  assert.deepEqual(readSilences(toPath("unasked")), []);
  assert.doesNotMatch(result.stderr, /unasked: dead air/);
});

test("a recipient has the sender's loudness, to the byte", async () => {
  await using sender = await startSender(join(dir.path, "recordings"));
  const directory = join(dir.path, "copies");
  const summary = await syncHere({ url: sender.url, directory, show: "opus-mono" });
  assert.ok(summary.segments > 0);
  assert.deepEqual(readRows(join(directory, "opus-mono.sqlite")), readRows(toPath("opus-mono")));
  assert.deepEqual(readSilences(join(directory, "opus-mono.sqlite")), readSilences(toPath("opus-mono")));
});

function writeConfig(station: Station): string {
  const shows = SHOWS.map(
    ({ name, path, extra }) =>
      `[[shows]]\nname = "${name}"\nurl = "${station.url(path)}"\nsplit_interval = 3\nsilence_after = "2s"\n${extra}\n`,
  );
  shows.push(`[[shows]]\nname = "unasked"\nurl = "${station.url("/mp3")}"\n`);
  const path = join(dir.path, "record.toml");
  writeFileSync(path, `[api]\nport = 0\n${shows.join("")}`);
  return path;
}

function toPath(name: string): string {
  return join(dir.path, "recordings", `${name}.sqlite`);
}

function readRows(path: string): Row[] {
  using database = new DatabaseSync(path, { readOnly: true });
  return database
    .prepare("SELECT * FROM segments ORDER BY id")
    .all()
    .map((row) => ({
      id: Number(row["id"]),
      timestampMs: Number(row["timestamp_ms"]),
      durationSamples: Number(row["duration_samples"]),
      loudness: row["loudness"] instanceof Uint8Array ? row["loudness"] : undefined,
    }));
}

function killEncoder(recorderPid: number): void {
  const processes = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  const encoders = processes
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words.includes(REPLACED_ARGUMENT));
  for (const [pid, parentPid] of encoders) {
    if (Number(parentPid) === recorderPid) process.kill(Number(pid), "SIGKILL");
  }
}

function readSilences(path: string): SilenceData[] {
  return readEvents(path, "silence").map((data) => ({
    start_ms: Number(data["start_ms"]),
    end_ms: Number(data["end_ms"]),
  }));
}

function readEvents(path: string, kind: string): Record<string, unknown>[] {
  using database = new DatabaseSync(path, { readOnly: true });
  return database
    .prepare("SELECT data FROM events WHERE kind = ? ORDER BY id")
    .all(kind)
    .map((row) => JSON.parse(String(row["data"])));
}
