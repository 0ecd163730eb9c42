import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { AUDIO_FORMATS, type AudioFormat } from "../../src/core/show.ts";
import { startStation, type Station } from "../../src/station/station.ts";
import { measureSession, type RawSession, readSessions } from "../support/measure.ts";
import { recordOnce } from "../support/recording.ts";
import { measureSpan } from "../support/sound-span.ts";
import { tempDir } from "../support/temp-dir.ts";

const MP3 = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 } as const;
const AAC = { format: "aac", bitrateKbps: 96, sampleRate: 48_000, channels: 2 } as const;
const LOST_MS = 800;

const dir = tempDir();
let station: Station;
const paths = new Map<string, string>();

before(async () => {
  station = await startStation({
    mounts: [
      { ...MP3, path: "/calm" },
      { ...AAC, path: "/jump" },
    ],
  });
  const signal = AbortSignal.timeout(18_000);
  const runs = AUDIO_FORMATS.flatMap((audioFormat) => [
    run(`boundaries-${audioFormat}`, "/calm", { signal, audioFormat, toBoundaryMs: (nowMs) => nowMs + 3500 }),
    run(`decoder-${audioFormat}`, "/calm", { signal, audioFormat }),
    run(`jump-${audioFormat}`, "/jump", { signal, audioFormat }),
  ]);
  await delay(7000);
  killEncoders();
  // Looking for them holds this process up, and with it the station: what is lost then may be read together with what came before.
  await delay(1000);
  station.stall("/jump", LOST_MS, "skip");
  await Promise.all(runs);
});

after(async () => {
  await station.close();
  dir[Symbol.dispose]();
});

for (const audioFormat of AUDIO_FORMATS) {
  test(`${audioFormat}: sessions that end though nothing happened lose and double nothing`, async () => {
    const sessions = readSessions(toPath(`boundaries-${audioFormat}`));
    assert.ok(sessions.length >= 4, `${sessions.length} sessions`);
    assert.ok(heldSeconds(sessions) > 20, "burst and all");
    await checkSeams(sessions, { againMs: 0 });
    assert.deepEqual(eventsOf(`boundaries-${audioFormat}`, "gap"), []);
  });

  test(`${audioFormat}: a decoder that dies is replaced, and its frames are fed again`, async () => {
    const name = `decoder-${audioFormat}`;
    const sessions = readSessions(toPath(name));
    assert.equal(sessions.length, 2);
    assert.ok(heldSeconds(sessions) > 20);
    await checkSeams(sessions, { againMs: audioFormat === "aac" ? 22 : 0 });
    assert.equal(eventsOf(name, "decoder-replaced").length, 1);
    assert.deepEqual(eventsOf(name, "gap"), []);
  });

  test(`${audioFormat}: frames that a station loses begin a session at the right time, and are a gap`, async () => {
    const name = `jump-${audioFormat}`;
    const sessions = readSessions(toPath(name));
    assert.equal(sessions.length, 2);
    for (const session of sessions) {
      const report = await measureSession(session);
      assert.equal(report.samples, session.durationSamples);
      assert.deepEqual([report.doubled, report.outOfOrder], [[], 0]);
      for (const { unixS, errorMs } of report.errors) {
        assert.ok(Math.abs(errorMs) <= 250, `second ${unixS} is off by ${errorMs} ms`);
      }
    }
    const [gap, ...others] = eventsOf(name, "gap");
    assert.deepEqual([gap?.["reason"], others], ["frames-lost", []]);
    const gapMs = Number(gap?.["end_ms"]) - Number(gap?.["start_ms"]);
    assert.ok(Math.abs(gapMs - LOST_MS) < 200, `the gap is ${gapMs} ms long`);
    const restMs = Number(gap?.["end_ms"]) - (sessions[1]?.rows[0]?.timestampMs ?? 0);
    assert.ok(Math.abs(restMs) <= 5, `the gap ends ${restMs} ms after the sound begins`);
  });
}

async function run(
  name: string,
  path: string,
  { audioFormat, ...options }: Parameters<typeof recordOnce>[2] & { audioFormat: AudioFormat },
): Promise<void> {
  const result = await recordOnce(dir.path, { name, url: station.url(path), audioFormat }, options);
  assert.equal(result.ending.reason, "stopped", result.ending.detail);
  paths.set(name, result.path);
}

/** Ends the encoders of three of the recordings as a crash would: those that were started second in each round. */
function killEncoders(): void {
  const children = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  const encoders = children.filter((pid) => {
    try {
      const isOurs =
        readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === String(process.pid);
      return isOurs && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("-f\0mp3\0-i\0pipe:0");
    } catch {
      return false;
    }
  });
  const sorted = encoders.map(Number).sort((a, b) => a - b);
  assert.equal(sorted.length, 6);
  for (const [index, pid] of sorted.entries()) if (index % 2 === 1) process.kill(pid, "SIGKILL");
}

/** Where sounds meet by their own clock, nothing is lost; the claimed times may move while the line of arrivals is still being found. */
async function checkSeams(sessions: readonly RawSession[], { againMs }: { againMs: number }): Promise<void> {
  let earlier: { claimedEndMs: number; soundEndMs: number } | undefined;
  for (const session of sessions) {
    const startMs = session.rows[0]?.timestampMs ?? 0;
    const { span, report } = await measureSpan(session.audio, startMs);
    assert.equal(report.samples, session.durationSamples);
    assert.deepEqual([report.missing, report.doubled, report.outOfOrder], [[], [], 0]);
    assert.ok(
      report.lostMs < 1 && report.doubledMs < 1,
      `${report.lostMs} lost, ${report.doubledMs} doubled`,
    );
    // The last session may be too short for a second to begin in it.
    if (span === undefined) {
      assert.equal(session, sessions.at(-1));
      return;
    }
    const heldMs = startMs - (earlier?.claimedEndMs ?? startMs);
    const jumpMs = span.startMs - (earlier?.soundEndMs ?? span.startMs);
    assert.ok(Math.abs(heldMs) <= againMs + 30, `a session begins ${heldMs} ms after the one before ends`);
    assert.ok(jumpMs <= 2 && jumpMs >= -againMs - 2, `${jumpMs} ms are lost between two sessions`);
    const last = session.rows.at(-1);
    const claimedEndMs = (last?.timestampMs ?? 0) + (last?.durationSamples ?? 0) / 48;
    earlier = { claimedEndMs, soundEndMs: span.endMs };
  }
}

function eventsOf(name: string, kind: string): Record<string, unknown>[] {
  using database = new DatabaseSync(toPath(name), { readOnly: true });
  const rows = database.prepare("SELECT data FROM events WHERE kind = ? ORDER BY id").all(kind);
  return rows.map((row) => JSON.parse(String(row["data"])));
}

function heldSeconds(sessions: readonly RawSession[]): number {
  return sessions.reduce((sum, session) => sum + session.durationSamples, 0) / 48_000;
}

function toPath(name: string): string {
  return paths.get(name) ?? "";
}
