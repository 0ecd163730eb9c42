import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { describe, test } from "node:test";

import type { ShowConfig } from "../../src/config/record-config.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Log } from "../../src/core/log.ts";
import { applyRetention, type RetentionRules } from "../../src/record/apply-retention.ts";
import { Retention, type RetentionParts } from "../../src/record/retention.ts";
import { SqliteShowReader } from "../../src/store/sqlite-show-reader.ts";
import type { Receiver } from "../../src/store/receivers.ts";
import { ShowWriter } from "../../src/store/sqlite-show-writer.ts";
import {
  AIR_START_MS,
  appendSession,
  createSenderDatabase,
  readEvents,
  readIds,
  runSql,
  type SenderShow,
} from "../support/sender-database.ts";
import { tempDir } from "../support/temp-dir.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RETENTION_HOURS = 24;

/** Three sessions of ten segments, a second each, an hour apart: ids 1 to 10, 11 to 20, 21 to 30. */
const [A, B, C] = [AIR_START_MS, AIR_START_MS + HOUR_MS, AIR_START_MS + 2 * HOUR_MS] as const;
const SESSIONS = [A, B, C].map((startMs) => ({ startMs, segments: 10 }));

const SHOW: ShowConfig = {
  name: "a",
  urls: [],
  format: { audioFormat: "opus", bitrateKbps: 16, channels: 1, splitIntervalSeconds: 1 },
  retentionHours: RETENTION_HOURS,
  timezone: "UTC",
  headers: {},
  padBeforeMs: 0,
  padAfterMs: 0,
  schedule: [],
};

const RULES: RetentionRules = { retentionHours: RETENTION_HOURS, receivers: [], isShort: () => false };

type Archive = Disposable & { path: string; writer: ShowWriter };

async function createArchive(show: Partial<SenderShow> = {}): Promise<Archive> {
  const dir = tempDir();
  const path = await createSenderDatabase(dir.path, { name: "a", sessions: SESSIONS, ...show });
  const writer = ShowWriter.open(path, SHOW);
  return {
    path,
    writer,
    [Symbol.dispose]() {
      writer[Symbol.dispose]();
      dir[Symbol.dispose]();
    },
  };
}

/** Ids from the first to the last. */
const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe("what retention deletes", () => {
  const cases: [string, number, number][] = [
    ["long before everything", A - DAY_MS, 1],
    ["on the first boundary", A, 1],
    ["inside the first session", A + 5000, 1],
    ["between the first two sessions", A + 30_000, 1],
    ["on the second boundary, which then is not before it", B, 1],
    ["just behind the second boundary: the session that straddles the cutoff stays whole", B + 1, 11],
    ["inside the second session", B + 9000, 11],
    ["between the second and the third", B + 30_000, 11],
    ["just behind the third boundary", C + 1, 21],
    ["long behind everything: the last session stays", C + 1000 * DAY_MS, 21],
  ];
  for (const [name, cutoffMs, firstId] of cases) {
    test(`cutoff ${name}: rows from ${firstId} on are left`, async () => {
      using archive = await createArchive();
      const { segments: deleted } = applyRetention(archive.writer, RULES, cutoffMs + DAY_MS);
      assert.equal(deleted, firstId - 1);
      assert.deepEqual(readIds(archive.path), range(firstId, 30));
    });
  }

  test("nothing without a boundary, and nothing in an empty database", async () => {
    using archive = await createArchive();
    runSql(archive.path, "UPDATE segments SET is_timestamp_from_source = 0");
    assert.equal(applyRetention(archive.writer, RULES, C + 100 * DAY_MS).segments, 0);
    assert.deepEqual(readIds(archive.path), range(1, 30));
    using empty = await createArchive({ sessions: [] });
    assert.equal(applyRetention(empty.writer, RULES, C + 100 * DAY_MS).segments, 0);
  });

  test("nothing behind a session whose time is later than the cutoff, though a younger one seems older", async () => {
    using archive = await createArchive();
    runSql(archive.path, `UPDATE segments SET timestamp_ms = timestamp_ms - ${50 * DAY_MS} WHERE id > 20`);
    assert.equal(applyRetention(archive.writer, RULES, A + 10_000 + DAY_MS).segments, 0);
    assert.deepEqual(readIds(archive.path), range(1, 30));
  });

  test("events that lie wholly before the boundary, and no others", async () => {
    const gap = (startMs: number, endMs: number): SenderShow["events"] => [
      {
        timestampMs: startMs,
        kind: "gap",
        data: { start_ms: startMs, end_ms: endMs, reason: "stalled", detail: "" },
      },
    ];
    const title = (timestampMs: number, text: string): SenderShow["events"] => [
      { timestampMs, kind: "title", data: { title: text } },
    ];
    const events = [
      title(A, "old"),
      title(B - 1, "old"),
      gap(A + 10_000, B - 1000),
      gap(B - 5000, B + 1),
      title(B, "new"),
      title(C, "new"),
      gap(B + 10_000, C),
    ].flatMap((list) => list ?? []);
    using archive = await createArchive({ events });
    applyRetention(archive.writer, RULES, B + 1 + DAY_MS);
    assert.deepEqual(
      readEvents(archive.path).map((event) => [event.kind, event.timestamp_ms]),
      [
        ["gap", B - 5000],
        ["title", B],
        ["title", C],
        ["gap", B + 10_000],
      ],
    );
  });
});

test("the file shrinks by what was deleted, while a reader looks at it", async () => {
  using archive = await createArchive({ sessions: [] });
  for (const startMs of [A, B]) {
    for (let second = 0; second < 60; second++) {
      const segment = {
        timestampMs: startMs + second * 1000,
        isTimestampFromSource: second === 0,
        durationSamples: 48_000,
        loudness: undefined,
        audioData: new Uint8Array(100_000).fill(second),
      };
      archive.writer.append(segment, 0, { events: [] });
    }
  }
  await using reader = new SqliteShowReader(archive.path);
  const beforeBytes = sizeOf(archive.path);
  assert.equal(applyRetention(archive.writer, RULES, B + 1 + DAY_MS).segments, 60);
  const freedBytes = beforeBytes - sizeOf(archive.path);
  assert.ok(freedBytes > 0.95 * 60 * 100_000, `${freedBytes} bytes were freed`);
  assert.equal((await reader.bounds()).minId, 61);
});

function sizeOf(path: string): number {
  return statSync(path).size + statSync(`${path}-wal`).size;
}

test("ids are never given again, not even when all rows are gone", async () => {
  using archive = await createArchive();
  applyRetention(archive.writer, RULES, C + 1 + DAY_MS);
  runSql(archive.path, "DELETE FROM segments");
  const segment = {
    timestampMs: C,
    isTimestampFromSource: true,
    durationSamples: 1,
    loudness: undefined,
    audioData: Uint8Array.of(1),
  };
  archive.writer.append(segment, 0, { events: [] });
  await using reader = new SqliteShowReader(archive.path);
  assert.equal((await reader.bounds()).minId, 31);
});

/** Clocks that move as a test says. */
class VirtualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 5000;

  constructor(wallMs: number) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  async sleep(ms: number): Promise<void> {
    this.pass(ms);
  }

  /** Time goes by. */
  pass(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }

  /** Somebody sets the wall clock. */
  step(ms: number): void {
    this.#wallMs += ms;
  }
}

function createLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const log = {
    lines,
    info: (message: string): void => void lines.push(`info ${message}`),
    warn: (message: string): void => void lines.push(`warn ${message}`),
    child: (): Log => log,
  };
  return log;
}

function createRetention(
  writer: ShowWriter,
  clock: Clock,
  log: Log = createLog(),
  more: Partial<RetentionParts> = {},
): Retention {
  return new Retention({
    show: SHOW,
    writer,
    clock,
    log,
    receivers: () => [],
    freeBytes: () => Infinity,
    ...more,
  });
}

/** What would help: count from the end of the newest sound where that is earlier than the clock. */
describe("when retention runs", () => {
  test("at the first chance, then once a day, and it tells how many segments it deleted", async () => {
    using archive = await createArchive();
    const clock = new VirtualClock(B + 2001 + DAY_MS);
    const log = createLog();
    const retention = createRetention(archive.writer, clock, log);
    await appendSession(archive.path, { startMs: clock.nowMs() - 2000, segments: 2 });
    retention.runWhenDue();
    assert.deepEqual(readIds(archive.path), range(11, 32));
    assert.match(log.lines.join(), /^info .*deleted 10 segments/);
    clock.pass(2 * HOUR_MS);
    retention.runWhenDue();
    assert.equal(log.lines.length, 1, "not twice on one day");
    clock.pass(22 * HOUR_MS);
    await appendSession(archive.path, { startMs: clock.nowMs() - 2000, segments: 2 });
    retention.runWhenDue();
    assert.deepEqual(readIds(archive.path), range(31, 34));
    assert.equal(log.lines.length, 2);
  });

  test("a failure is a warning", async () => {
    using archive = await createArchive();
    const log = createLog();
    runSql(archive.path, "DROP TABLE events; DROP TABLE segments");
    createRetention(archive.writer, new VirtualClock(C + 9 * DAY_MS), log).runWhenDue();
    assert.match(log.lines.join(), /^warn retention failed/);
  });

  for (const [name, stepMs] of [
    ["a year ahead", 365 * DAY_MS],
    ["two days ahead", 2 * DAY_MS],
    ["a year back", -365 * DAY_MS],
  ] as const) {
    test(`a clock that jumped by ${name} deletes nothing`, async () => {
      using archive = await createArchive();
      const log = createLog();
      const clock = new VirtualClock(A + 30_000 + DAY_MS);
      const retention = createRetention(archive.writer, clock, log);
      clock.pass(HOUR_MS / 2);
      clock.step(stepMs);
      retention.runWhenDue();
      assert.deepEqual(readIds(archive.path), range(1, 30));
      assert.match(log.lines.join(), /^warn .*clock jumped/);
    });
  }

  test("a clock that stays a year ahead deletes nothing on the next days either", async () => {
    using archive = await createArchive();
    const clock = new VirtualClock(A + 30_000 + DAY_MS);
    const retention = createRetention(archive.writer, clock);
    clock.step(365 * DAY_MS);
    for (let day = 0; day < 3; day++) {
      retention.runWhenDue();
      clock.pass(DAY_MS);
    }
    assert.deepEqual(readIds(archive.path), range(1, 30));
  });

  test("a machine that starts with a clock a year ahead deletes nothing", async () => {
    using archive = await createArchive();
    const clock = new VirtualClock(A + 30_000 + DAY_MS + 365 * DAY_MS);
    createRetention(archive.writer, clock).runWhenDue();
    assert.deepEqual(readIds(archive.path), range(1, 30));
  });
});

describe("receivers that are waited for", () => {
  const waiting = { receivers: ["nas", "attic"], maxBytes: undefined, minFreeBytes: undefined };
  const nowMs = C + 1 + DAY_MS;
  const has = (name: string, lastSyncedId: number): Receiver => ({ name, lastSyncedId, seenMs: 0 });

  const cases: [string, Receiver[], number][] = [
    ["that have never told of themselves keep everything", [has("nas", 30)], 1],
    ["that have a part of the first session keep it", [has("nas", 30), has("attic", 9)], 1],
    ["that have the first session let it go", [has("nas", 10), has("attic", 30)], 11],
    ["that have everything let go what is older than the retention", [has("nas", 30), has("attic", 30)], 21],
    ["and others that nobody waits for", [has("nas", 10), has("attic", 10), has("pc", 0)], 11],
  ];
  for (const [name, receivers, firstId] of cases) {
    test(`${name}: rows from ${firstId} on are left`, async () => {
      using archive = await createArchive();
      const deleted = applyRetention(archive.writer, { ...RULES, waiting, receivers }, nowMs);
      assert.deepEqual(deleted, { segments: firstId - 1, unsynced: 0 });
      assert.deepEqual(readIds(archive.path), range(firstId, 30));
    });
  }

  test("are waited for until there is too little room, session by session, and that is told", async () => {
    using archive = await createArchive();
    const log = createLog();
    const clock = new VirtualClock(C + 12_000 + DAY_MS);
    await appendSession(archive.path, { startMs: clock.nowMs() - 2000, segments: 2 });
    const freeBytes = [50, 200];
    const show = { ...SHOW, waiting: { ...waiting, minFreeBytes: 100 } };
    const retention = createRetention(archive.writer, clock, log, {
      show,
      freeBytes: () => (readIds(archive.path)[0] === 1 ? freeBytes[0] : freeBytes[1]) ?? 0,
    });
    retention.runWhenDue();
    assert.deepEqual(readIds(archive.path), range(11, 32));
    assert.match(log.lines.join("\n"), /warn deleted 10 segments that not all of nas, attic have/);
    const [event] = readEvents(archive.path).filter(({ kind }) => kind === "retention-forced");
    assert.deepEqual(event?.data, { deleted: 10, waited_for: ["nas", "attic"] });
  });

  test("are not waited for when the database is larger than it may be", async () => {
    using archive = await createArchive();
    const clock = new VirtualClock(C + 12_000 + DAY_MS);
    await appendSession(archive.path, { startMs: clock.nowMs() - 2000, segments: 2 });
    const show = { ...SHOW, waiting: { ...waiting, maxBytes: 1000 } };
    createRetention(archive.writer, clock, createLog(), { show }).runWhenDue();
    assert.deepEqual(
      readIds(archive.path),
      range(21, 32),
      "what is younger than the retention stays all the same",
    );
  });

  test("on a full disk give way one session at a time", async () => {
    using archive = await createArchive();
    const clock = new VirtualClock(C + 12_000 + DAY_MS);
    await appendSession(archive.path, { startMs: clock.nowMs() - 2000, segments: 2 });
    const receivers = [has("nas", 10), has("attic", 10)];
    const retention = createRetention(archive.writer, clock, createLog(), {
      show: { ...SHOW, waiting },
      receivers: () => receivers,
    });
    for (const firstId of [11, 21, 21]) {
      retention.makeRoom();
      assert.equal(readIds(archive.path)[0], firstId);
    }
  });
});
