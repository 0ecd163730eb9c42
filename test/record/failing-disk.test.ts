import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { type Station, startStation } from "../../src/station/station.ts";
import { isGreen, waitForHealth } from "../support/health.ts";
import { measureSession, readSessions } from "../support/measure.ts";
import { FILLER, fillUp, mountTmpfs, whyNoMount } from "../support/mounts.ts";
import { root, type RunningProcess, startCli, startProcess } from "../support/run-cli.ts";
import { readEvents } from "../support/sender-database.ts";
import { tempDir } from "../support/temp-dir.ts";

const skip = toSkip("strace", ["-qq", "-e", "trace=none", "true"]);

const DELAY_MS = 400;

test("an I/O error ends nothing: it is told, tried again, and booked", { skip }, async () => {
  using dir = tempDir();
  await using station = await startTone();
  await using recorder = startRecorder(dir.path, station);
  const url = await toUrl(recorder);
  await waitForHealth(url, isGreen);
  await delay(2000);
  {
    await using _ = await disturb(recorder, "fsync,fdatasync:error=EIO");
    const { health } = await waitForHealth(url, ({ status }) => status === "failing");
    assert.equal(health.shows[0]?.state, "disk-failed");
    assert.match(health.shows[0]?.problem ?? "", /cannot be read or written/);
    await delay(3000);
  }
  await waitForHealth(url, isGreen);
  await delay(2000);
  assert.equal((await recorder.stop()).status, 0);
  await checkSound(toPath(dir.path), 2);
  const gaps = readEvents(toPath(dir.path)).filter((event) => event.kind === "gap");
  assert.equal(gaps.length, 1);
  assert.match(JSON.stringify(gaps), /disk-failed/);
});

test(
  "a file that must not grow is a disk that fails, until it may",
  { skip: toSkip("prlimit", ["--version"]) },
  async () => {
    using dir = tempDir();
    await using station = await startTone();
    await using recorder = startRecorder(dir.path, station);
    const url = await toUrl(recorder);
    await waitForHealth(url, isGreen);
    execFileSync("prlimit", ["--pid", String(recorder.pid), "--fsize=100000:unlimited"]);
    const { health } = await waitForHealth(url, ({ status }) => status === "failing");
    assert.equal(health.shows[0]?.state, "disk-failed");
    execFileSync("prlimit", ["--pid", String(recorder.pid), "--fsize=unlimited:unlimited"]);
    await waitForHealth(url, isGreen);
    await delay(1000);
    assert.equal((await recorder.stop()).status, 0);
    await checkSound(toPath(dir.path), 2);
  },
);

test("a quota that is used up is a full disk", { skip }, async () => {
  using dir = tempDir();
  await using station = await startTone();
  await using recorder = startRecorder(dir.path, station);
  const url = await toUrl(recorder);
  await waitForHealth(url, isGreen);
  await delay(2000);
  {
    const files = ["a.sqlite-wal", ".recorder.ballast", `.probe-${recorder.pid}`];
    const only = files.flatMap((file) => ["-P", join(dir.path, "rec", file)]);
    await using _ = await disturb(recorder, "pwrite64,openat:error=EDQUOT", only);
    const { health } = await waitForHealth(url, ({ status }) => status === "failing");
    assert.equal(health.shows[0]?.state, "disk-full");
    await delay(3000);
  }
  await waitForHealth(url, isGreen);
  await delay(2000);
  assert.equal((await recorder.stop()).status, 0);
  await checkSound(toPath(dir.path), 2);
});

test("a slow disk is told, and costs no sound", { skip }, async (context) => {
  using dir = tempDir();
  await using station = await startTone();
  await using recorder = startRecorder(dir.path, station);
  const url = await toUrl(recorder);
  await waitForHealth(url, isGreen);
  await delay(1000);
  {
    await using _ = await disturb(recorder, `fsync,fdatasync:delay_exit=${DELAY_MS * 1000}`);
    const { health } = await waitForHealth(url, ({ status }) => status === "slow-disk");
    const show = health.shows[0];
    context.diagnostic(`${show?.problem}`);
    assert.equal(show?.state, "recording");
    assert.ok((show?.save_every_ms ?? 0) > 1000 && (show?.save_every_ms ?? 0) <= 5000);
    assert.match(show?.problem ?? "", /the disk is slow: sound is stored every \d\.\d s/);
    await delay(8000);
  }
  await waitForHealth(url, isGreen);
  assert.equal((await recorder.stop()).status, 0);
  await checkSound(toPath(dir.path), 1);
});

test(
  "a log on a full disk ends nothing, and is written when there is room",
  { skip: whyNoMount ?? false },
  async () => {
    using dir = tempDir();
    using disk = mountTmpfs(1);
    fillUp(disk.path);
    const log = join(disk.path, "log");
    await using station = await startTone();
    const command = `exec "$0" "$@" 2>"${log}"`;
    const node = [process.execPath, join(root, "src/main.ts")];
    const config = writeConfig(dir.path, station);
    await using recorder = startProcess("sh", ["-c", command, ...node, "record", "-c", config]);
    await delay(5000);
    rmSync(join(disk.path, FILLER));
    assert.equal((await recorder.stop()).status, 0);
    const lines = readFileSync(log, "utf8");
    assert.match(lines, /recording begins[^]*recording ends/);
    await checkSound(toPath(dir.path), 1);
  },
);

/** Injects faults into the system calls of a running program, until it is disposed of. */
async function disturb(
  recorder: RunningProcess,
  fault: string,
  more: readonly string[] = [],
): Promise<RunningProcess> {
  const calls = fault.split(":")[0] ?? "";
  const args = ["-f", "-e", `trace=${calls}`, "-e", `inject=${fault}`, "-o", "/dev/null", ...more];
  const strace = startProcess("strace", [...args, "-p", String(recorder.pid)]);
  await strace.waitForLine(/attached/);
  return strace;
}

async function checkSound(path: string, sessionsExpected: number): Promise<void> {
  using database = new DatabaseSync(path);
  assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
  const sessions = readSessions(path);
  // What was heard before a failure and not yet encoded may be a session of its own.
  const own = sessions.length - sessionsExpected;
  assert.ok(own === 0 || own === 1, `${sessions.length} sessions`);
  for (const session of sessions) {
    const report = await measureSession(session);
    assert.equal(report.samples, session.durationSamples);
    assert.deepEqual([report.missing, report.doubled], [[], []]);
    assert.ok(
      report.lostMs < 1 && report.doubledMs < 1,
      `${report.lostMs} lost, ${report.doubledMs} doubled`,
    );
  }
}

async function startTone(): Promise<Station> {
  const mount = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2, path: "/a" } as const;
  return await startStation({ mounts: [{ ...mount, burstBytes: 16_000 }] });
}

function startRecorder(directory: string, station: Station): RunningProcess {
  return startCli(["record", "-c", writeConfig(directory, station)]);
}

function writeConfig(directory: string, station: Station): string {
  const config = join(directory, "record.toml");
  writeFileSync(
    config,
    `output_dir = "rec"\n[api]\nport = 0\n[[shows]]\nname = "a"\nurl = "${station.url("/a")}"\nsplit_interval = 2\nbitrate = 64\n`,
  );
  return config;
}

async function toUrl(recorder: RunningProcess): Promise<string> {
  const [, url = ""] = await recorder.waitForLine(/player at (http:\S+)/, 30_000);
  return url;
}

function toPath(directory: string): string {
  return join(directory, "rec", "a.sqlite");
}

/** Why a test that needs this command is left out; `false` when the command does what it should. */
function toSkip(command: string, args: readonly string[]): string | false {
  const { status, error } = spawnSync(command, args, { stdio: "ignore" });
  return status === 0 ? false : `${command} does not work here: ${error?.message ?? `status ${status}`}`;
}
