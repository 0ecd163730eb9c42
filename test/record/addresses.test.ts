import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { type Clock, systemClock } from "../../src/core/clock.ts";
import { keepRecording } from "../../src/record/keep-recording.ts";
import { startStation } from "../../src/station/station.ts";
import { measureSession, type RawSession, readSessions } from "../support/measure.ts";
import { createSetting } from "../support/recording.ts";
import { tempDir } from "../support/temp-dir.ts";

const MP3 = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 } as const;
const AAC = { format: "aac", bitrateKbps: 96, sampleRate: 48_000, channels: 2 } as const;

/** A minute until the first address is tried again takes two seconds. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms >= 60_000 ? 2000 : ms, signal),
};

const dir = tempDir();
let sessions: RawSession[] = [];
let connections: number[] = [];

/** The first address is refused for five seconds, and lost again a few seconds later; the second is another stream of the same programme. */
before(async () => {
  await using station = await startStation({
    mounts: [
      { ...MP3, path: "/first" },
      { ...AAC, path: "/second" },
    ],
  });
  station.refuse("/first", 5000);
  const urls = [station.url("/first"), station.url("/second")];
  const { setting, path, close } = createSetting(dir.path, { name: "show", urls, audioFormat: "opus" });
  const stop = new AbortController();
  const waits = { onPause: () => undefined, waitForRoom: () => Promise.resolve() };
  const recording = keepRecording({ ...setting, ...waits, clock: hastyClock }, stop.signal);
  await delay(10_000);
  station.drop("/first");
  await delay(18_000);
  stop.abort();
  await recording;
  close();
  sessions = readSessions(path);
  connections = ["/first", "/second"].map((mount) => station.stats(mount).connections);
});

after(() => dir[Symbol.dispose]());

test("the second address is heard while the first is away, and left when that has been well for a while", () => {
  assert.equal(sessions.length, 2);
  assert.equal(connections[1], 1);
  assert.ok((connections[0] ?? 0) >= 3, "the first was tried again and again");
});

test("what both addresses send is kept once, and nothing is lost between them", async () => {
  const [second, first] = await Promise.all(sessions.map((session) => measureSession(session)));
  assert.ok(second !== undefined && first !== undefined);
  for (const report of [second, first]) {
    assert.deepEqual([report.missing, report.doubled, report.outOfOrder], [[], [], 0]);
    assert.ok(Math.abs(report.worstErrorMs ?? Infinity) <= 250, `off by ${report.worstErrorMs} ms`);
  }
  const lastS = second.held.at(-1)?.toS ?? 0;
  const firstS = first.held[0]?.fromS ?? 0;
  // The seam is known to some milliseconds: the start of a second right there may be on both sides, or on none.
  assert.ok(firstS >= lastS && firstS <= lastS + 2, `from second ${lastS} to ${firstS}`);
  const endMs = toEndMs(sessions[0]);
  const startMs = sessions[1]?.rows[0]?.timestampMs ?? 0;
  assert.ok(
    Math.abs(startMs - endMs) < 150,
    `the second session begins ${startMs - endMs} ms after the first`,
  );
});

test("no gap is booked where the sound of both meets", () => {
  using database = new DatabaseSync(`${dir.path}/show.sqlite`, { readOnly: true });
  assert.deepEqual(database.prepare("SELECT * FROM events WHERE kind = 'gap'").all(), []);
});

function toEndMs(session: RawSession | undefined): number {
  const last = session?.rows.at(-1);
  return last === undefined ? 0 : last.timestampMs + last.durationSamples / 48;
}
