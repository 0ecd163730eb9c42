import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import { type Station, startStation } from "../../src/station/station.ts";
import { measureSession, type RawSession, readSessions } from "../support/measure.ts";
import { type CliResult, runCli, startCli } from "../support/run-cli.ts";
import { tempDir } from "../support/temp-dir.ts";

/** One recorder, many shows, each with a trouble of its own, all at the same time. */
const MP3 = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 } as const;
const AAC = { format: "aac", bitrateKbps: 96, sampleRate: 48_000, channels: 2 } as const;

const SHOWS = [
  { name: "calm-mp3", mount: MP3, extra: "" },
  { name: "calm-aac", mount: AAC, extra: "channels = 2" },
  { name: "to-aac", mount: MP3, extra: 'audio_format = "aac"' },
  { name: "to-wav", mount: AAC, extra: 'audio_format = "wav"' },
  { name: "dropped", mount: MP3, extra: "" },
  { name: "cut", mount: AAC, extra: "" },
  { name: "stalled", mount: MP3, extra: "" },
  { name: "paused", mount: MP3, extra: "" },
  { name: "garbage", mount: MP3, extra: "" },
  { name: "changed", mount: AAC, extra: "" },
] as const;

type Name = (typeof SHOWS)[number]["name"];

const dir = tempDir();
let recorded: { result: CliResult; stopMs: number; health: { shows: { name: string; state: string }[] } };

before(async () => {
  await using station = await startStation({
    mounts: SHOWS.map(({ name, mount }) => ({
      ...mount,
      path: `/${name}`,
      title: `${name} & <title>`,
      burstBytes: 16_384,
    })),
  });
  await using recorder = startCli(["record", "-c", writeConfig(station)]);
  const [, url = ""] = await recorder.waitForLine(/player at (http:\S+)/);
  await delay(5000);
  station.drop("/dropped", "reset");
  station.cutMidFrame("/cut");
  station.stall("/stalled", 20_000, "skip");
  station.stall("/paused", 7000, "send");
  station.sendGarbage("/garbage", 20_000);
  await station.changeFormat("/changed", { sampleRate: 44_100, channels: 1 });
  station.setTitle("/calm-mp3", "the second title");
  await delay(9000);
  const answer = await fetch(`${url}/api/health`);
  const health = JSON.parse(await answer.text());
  const startedMs = performance.now();
  const result = await recorder.stop();
  recorded = { result, stopMs: performance.now() - startedMs, health };
});

after(() => dir[Symbol.dispose]());

test("a stopped recorder stores what it heard and exits with 0 within two seconds", () => {
  assert.equal(recorded.result.status, 0, recorded.result.stderr);
  assert.ok(recorded.stopMs < 2000, `it took ${recorded.stopMs} ms`);
  assert.ok(heldSeconds(sessionsOf("calm-mp3")[0]) >= 13.5, "the sound up to the stop is there");
});

for (const name of ["calm-mp3", "calm-aac", "to-aac", "to-wav"] as const) {
  test(`${name}: an undisturbed show is one session, whole and on time`, async () => {
    const sessions = sessionsOf(name);
    assert.equal(sessions.length, 1);
    const report = await measure(sessions[0]);
    assert.equal(report.samples, sessions[0]?.durationSamples, "it decodes to the sum of duration_samples");
    assert.deepEqual([report.missing, report.doubled], [[], []]);
    assert.ok(report.lostMs < 1 && report.doubledMs < 1);
    assert.ok(Math.abs(report.worstErrorMs ?? Infinity) <= 250, `off by ${report.worstErrorMs} ms`);
  });
}

test("other shows than the troubled ones are told to be recording", () => {
  const states = new Map(recorded.health.shows.map((show) => [show.name, show.state]));
  assert.equal(states.get("calm-mp3"), "recording");
  assert.equal(states.get("dead"), "reconnecting");
});

test("a station that never answers is tried again and again, and stops nothing", () => {
  assert.equal(sessionsOf("dead").length, 0);
  const [gap] = eventsOf("dead", "gap");
  assert.equal(gap?.["reason"], "connect-failed");
});

for (const name of ["dropped", "cut"] as const) {
  test(`${name}: after a lost connection the sound goes on exactly where it broke off`, async () => {
    const sessions = sessionsOf(name);
    assert.equal(sessions.length, 1);
    const report = await measure(sessions[0]);
    assert.equal(report.samples, sessions[0]?.durationSamples);
    assert.deepEqual([report.missing, report.doubled], [[], []]);
    assert.ok(
      report.lostMs < 1 && report.doubledMs < 1,
      `${report.lostMs} ms lost, ${report.doubledMs} doubled`,
    );
    assert.ok(Math.abs(report.worstErrorMs ?? Infinity) <= 250, `off by ${report.worstErrorMs} ms`);
    const [stitch] = eventsOf(name, "stitch");
    assert.deepEqual([stitch?.["reason"], stitch?.["is_certain"]], ["disconnected", true]);
    assert.deepEqual(eventsOf(name, "gap"), []);
  });
}

test("stalled: a connection without bytes is given up within 5 s, and the hole is booked", () => {
  const [gap] = eventsOf("stalled", "gap");
  assert.equal(gap?.["reason"], "stalled");
  assert.match(recorded.result.stderr, /stalled: stalled: no byte for \d\.\d s/);
});

test("paused: a server that says nothing and then all of it has lost nothing", async () => {
  const sessions = sessionsOf("paused");
  assert.equal(sessions.length, 1);
  const report = await measure(sessions[0]);
  assert.equal(report.samples, sessions[0]?.durationSamples);
  assert.deepEqual([report.missing, report.doubled], [[], []]);
  assert.ok(report.lostMs < 1 && report.doubledMs < 1);
  assert.match(recorded.result.stderr, /paused: stalled: no byte for 3\.\d s; trying to go on/);
  assert.deepEqual(eventsOf("paused", "gap"), []);
});

test("garbage: bytes that are no frames are left out, and the session goes on", async () => {
  const sessions = sessionsOf("garbage");
  assert.equal(sessions.length, 1);
  const report = await measure(sessions[0]);
  assert.equal(report.samples, sessions[0]?.durationSamples);
  assert.ok(report.lostMs < 150, `${report.lostMs} ms lost`);
});

test("changed: a new sample rate and channel count in the middle cost next to nothing", async () => {
  const sessions = sessionsOf("changed");
  assert.equal(sessions.length, 1);
  const report = await measure(sessions[0]);
  assert.equal(report.samples, sessions[0]?.durationSamples);
  assert.ok(heldSeconds(sessions[0]) > 13, "sound goes on behind the change");
  assert.deepEqual(eventsOf("changed", "format"), [
    {
      from: { codec: "aac", sample_rate: 48_000, channels: 2 },
      to: { codec: "aac", sample_rate: 44_100, channels: 1 },
    },
  ]);
});

test("titles are stored as they were sent, when they were sent", () => {
  const titles = eventsOf("calm-mp3", "title").map((event) => event["title"]);
  assert.deepEqual(titles, ["calm-mp3 & <title>", "the second title"]);
});

test("each show tells its start, and its stop", () => {
  assert.equal(eventsOf("calm-mp3", "start").length, 1);
  assert.deepEqual(eventsOf("calm-mp3", "stop"), [{ reason: "stopped" }]);
});

test("verify finds nothing wrong with any of it", async () => {
  const result = await runCli(["verify", join(dir.path, "recordings")], { timeoutMs: 60_000 });
  assert.equal(result.status, 0, result.stdout + result.stderr);
});

function writeConfig(station: Station): string {
  const shows = SHOWS.map(
    ({ name, extra }) =>
      `[[shows]]\nname = "${name}"\nurl = "${station.url(`/${name}`)}"\nsplit_interval = 2\nbitrate = 64\n${extra}\n`,
  );
  shows.push('[[shows]]\nname = "dead"\nurl = "http://127.0.0.1:9/nobody"\n');
  const path = join(dir.path, "record.toml");
  writeFileSync(path, `[api]\nport = 0\n${shows.join("")}`);
  return path;
}

function sessionsOf(name: Name | "dead"): RawSession[] {
  return readSessions(join(dir.path, "recordings", `${name}.sqlite`));
}

function eventsOf(name: Name | "dead", kind: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(dir.path, "recordings", `${name}.sqlite`), { readOnly: true });
  try {
    const rows = database.prepare("SELECT data FROM events WHERE kind = ? ORDER BY id").all(kind);
    return rows.map((row) => JSON.parse(String(row["data"])));
  } finally {
    database.close();
  }
}

async function measure(session: RawSession | undefined): ReturnType<typeof measureSession> {
  assert.ok(session !== undefined);
  return await measureSession(session);
}

function heldSeconds(session: RawSession | undefined): number {
  return (session?.durationSamples ?? 0) / 48_000;
}
