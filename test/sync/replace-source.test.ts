import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { toEndMs } from "../../src/core/segment.ts";
import { SqliteShowReader } from "../../src/store/sqlite-show-reader.ts";
import { assertRefused } from "../support/refusal.ts";
import { runCli } from "../support/run-cli.ts";
import {
  AIR_START_MS,
  appendSession,
  createSenderDatabase,
  readCursor,
  readEvents,
  readMetadata,
  readRows,
  runSql,
  type SenderShow,
} from "../support/sender-database.ts";
import { type SenderServer, startSender } from "../support/sender-server.ts";
import { snapshot } from "../support/snapshot.ts";
import { runSync, syncHere, type SyncReport, type SyncRun, syncWell } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

const FIRST = { startMs: AIR_START_MS, segments: 10 };
const TITLE = { kind: "title", data: { title: "x" } };

/** A recipient that has ten seconds of its sender, and that sender, which can be built anew. */
class Link implements AsyncDisposable {
  readonly copy: string;
  readonly run: SyncRun;
  readonly sender: SenderServer;
  readonly #dir: ReturnType<typeof tempDir>;

  private constructor(dir: ReturnType<typeof tempDir>, sender: SenderServer) {
    this.#dir = dir;
    this.sender = sender;
    this.run = { url: sender.url, directory: join(dir.path, "archive"), show: "a" };
    this.copy = join(this.run.directory, "a.sqlite");
  }

  static async start(): Promise<Link> {
    const dir = tempDir();
    mkdirSync(join(dir.path, "sender"));
    const link = new Link(dir, await startSender(join(dir.path, "sender")));
    await link.build({ sessions: [FIRST], events: [{ timestampMs: AIR_START_MS, ...TITLE }] });
    await syncHere(link.run);
    return link;
  }

  /** Builds the sender's database, in place of the one before. */
  async build(show: Omit<SenderShow, "name">): Promise<string> {
    const directory = join(this.#dir.path, "sender");
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    return await createSenderDatabase(directory, { name: "a", ...show });
  }

  async replace(): Promise<SyncReport> {
    return await syncWell({ ...this.run, args: ["--replace-source"] });
  }

  /** Unix time at which the sound of the first sender ends. */
  get firstEndMs(): number {
    const last = readRows(this.copy).find(({ id }) => id === FIRST.segments);
    assert.ok(last);
    return toEndMs({ timestampMs: last.timestamp_ms, durationSamples: last.duration_samples });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sender[Symbol.asyncDispose]();
    this.#dir[Symbol.dispose]();
  }
}

/** The holes that were booked, as reason and times. */
function readHoles(path: string): unknown[] {
  return readEvents(path)
    .filter(({ kind }) => kind === "gap")
    .map(({ data: { reason, start_ms: start, end_ms: end } }) => [reason, start, end]);
}

test("a sender that was built anew is refused with what to do, and then gone on with behind what is held", async () => {
  await using link = await Link.start();
  const startMs = AIR_START_MS + 60_000;
  const events = [{ timestampMs: startMs, ...TITLE }];
  const source = await link.build({ sessions: [{ startMs, segments: 6 }], events });
  const before = snapshot(link.run.directory);
  assertRefused(await runSync(link.run), 1, "source_unique_id", "--replace-source");
  assert.deepEqual(snapshot(link.run.directory), before);

  const { firstEndMs } = link;
  const report = await link.replace();
  assert.equal(report.segments, 6);
  assert.equal(report.replaced, true);
  const rows = readRows(link.copy);
  assert.deepEqual(
    rows.map(({ id }) => id),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17],
    "an id is left out between the two",
  );
  assert.deepEqual(
    rows.slice(10).map(({ audio_data: audio }) => audio),
    readRows(source).map(({ audio_data: audio }) => audio),
  );
  assert.deepEqual(readHoles(link.copy), [["source-replaced", Math.round(firstEndMs), startMs]]);
  assert.equal(readMetadata(link.copy)["source_unique_id"], readMetadata(source)["unique_id"]);
  assert.deepEqual(
    readEvents(link.copy)
      .filter(({ kind }) => kind !== "source-replaced")
      .map(({ source_id: id, timestamp_ms: ms }) => [id, ms]),
    [
      [null, AIR_START_MS],
      [null, Math.round(firstEndMs)],
      [1, startMs],
    ],
  );

  await appendSession(source, { startMs: startMs + 10_000, segments: 2 });
  const later = await syncWell(link.run);
  assert.deepEqual([later.segments, later.replaced, later.last_synced_id], [2, undefined, 8]);
  const verified = await runCli(["verify", link.copy, "--remote", link.run.url]);
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  assert.match(verified.stdout, /: 8 segments compared with the sender, 0 differ/);
});

test("of a sender that has what is held too, only what comes behind is taken, also in the middle of a session", async () => {
  await using link = await Link.start();
  // It began to record half a second later, and has nine segments of the same time.
  const source = await link.build({ sessions: [{ startMs: AIR_START_MS + 500, segments: 30 }] });
  runSql(source, "DELETE FROM segments WHERE id IN (3, 4, 20)");
  const report = await link.replace();
  const taken = readRows(source).filter(({ timestamp_ms: ms }) => ms >= link.firstEndMs - 1);
  assert.equal(report.segments, taken.length);
  assert.deepEqual(
    readRows(link.copy)
      .slice(FIRST.segments)
      .map(({ timestamp_ms: ms }) => ms),
    taken.map(({ timestamp_ms: ms }) => ms),
  );
  assert.equal(report.skipped, 1, "a hole behind the beginning is one as ever");
  const verified = await runCli(["verify", link.copy]);
  assert.equal(verified.status, 0, verified.stdout);
});

test("a sender that was restored from an older copy is gone on with when it has recorded beyond what is held", async () => {
  await using link = await Link.start();
  const { unique_id: id } = readMetadata(join(link.run.directory, "..", "sender", "a.sqlite"));
  assert.ok(id);
  const source = await link.build({
    sessions: [{ startMs: AIR_START_MS, segments: 4 }],
    metadata: { unique_id: id },
  });
  assertRefused(await runSync(link.run), 1, "only ever had 4", "--replace-source");
  const before = snapshot(link.run.directory);
  assertRefused(await runSync({ ...link.run, args: ["--replace-source"] }), 1, "the sender is older");
  assert.deepEqual(snapshot(link.run.directory), before);
  await appendSession(source, { startMs: AIR_START_MS + 30_000, segments: 3 });
  const report = await link.replace();
  assert.deepEqual([report.segments, report.last_synced_id], [3, 7]);
  assert.equal(readCursor(link.copy), 7);
});

test("a sender that has nothing yet is refused until it has something", async () => {
  await using link = await Link.start();
  const source = await link.build({});
  const before = snapshot(link.run.directory);
  assertRefused(await runSync({ ...link.run, args: ["--replace-source"] }), 1, "no segments yet");
  assert.deepEqual(snapshot(link.run.directory), before);
  await appendSession(source, { startMs: AIR_START_MS + 90_000, segments: 2 });
  assert.equal((await link.replace()).segments, 2);
});

test("the hole is booked once, whatever is trimmed afterwards, and with what a killed pass had begun", async () => {
  await using link = await Link.start();
  const startMs = AIR_START_MS + 60_000;
  const source = await link.build({ sessions: [{ startMs, segments: 6 }] });
  link.sender.tamper = ({ resource, url }) =>
    resource === "segments" && Number(url.searchParams.get("limit")) > 1
      ? { json: {}, status: 500 }
      : undefined;
  assertRefused(await runSync({ ...link.run, args: ["--replace-source"] }), 1, "500");
  link.sender.tamper = () => undefined;
  const { firstEndMs } = link;
  assert.deepEqual(readHoles(link.copy), []);
  assert.equal((await syncWell(link.run)).segments, 6);
  runSql(link.copy, "DELETE FROM segments WHERE id > 10");
  await appendSession(source, { startMs: startMs + 6050, segments: 2 });
  assert.equal((await syncWell(link.run)).segments, 2);
  assert.deepEqual(readHoles(link.copy), [["source-replaced", Math.round(firstEndMs), startMs]]);
});

test("sessions do not go on over a replacement, though the new sender was in the middle of one", async () => {
  await using link = await Link.start();
  const startMs = AIR_START_MS + 5000;
  for (const delayMs of [0, 20_000]) {
    await link.build({ sessions: [{ startMs: startMs + delayMs, segments: 20 }] });
    await link.replace();
  }
  await using reader = new SqliteShowReader(link.copy);
  const sessions = await reader.sessions({ fromMs: 0, toMs: 2 * AIR_START_MS });
  assert.deepEqual(
    sessions.map(({ startId }) => startId),
    [1, 17, 34],
  );
  for (const [index, { startMs: nextMs }] of sessions.slice(1).entries()) {
    assert.ok((sessions[index]?.endMs ?? Infinity) <= nextMs + 1);
  }
});

test("events that both senders tell are kept once, and a bad row that is not wanted is no obstacle", async () => {
  await using link = await Link.start();
  const { unique_id: id } = readMetadata(join(link.run.directory, "..", "sender", "a.sqlite"));
  assert.ok(id);
  const source = await link.build({
    sessions: [
      { startMs: AIR_START_MS, segments: 4 },
      { startMs: AIR_START_MS + 60_000, segments: 4 },
    ],
    events: [
      { timestampMs: AIR_START_MS, ...TITLE },
      { timestampMs: AIR_START_MS + 61_000, ...TITLE },
    ],
    metadata: { unique_id: id },
  });
  runSql(source, "UPDATE segments SET crc32 = 1 WHERE id <= 4");
  runSql(link.copy, "DELETE FROM segments");
  runSql(link.copy, "INSERT INTO segments SELECT 10, 1700000009000, 0, 48000, 1, NULL, x'00'");
  assert.equal((await link.replace()).segments, 4);
  const titles = readEvents(link.copy).filter(({ kind }) => kind === "title");
  assert.deepEqual(
    titles.map(({ timestamp_ms: ms }) => ms - AIR_START_MS),
    [0, 61_000],
  );
  const [replaced] = readEvents(link.copy).filter(({ kind }) => kind === "source-replaced");
  assert.deepEqual(replaced?.data["former"], {
    source_unique_id: id,
    last_synced_id: "10",
    last_synced_event_id: "1",
  });
});

test("one of another format is refused all the same, and one that fits is synced as ever", async () => {
  await using link = await Link.start();
  assert.equal((await link.replace()).replaced, undefined);
  await link.build({
    sessions: [{ startMs: AIR_START_MS + 60_000, segments: 2 }],
    metadata: { bitrate: "64" },
  });
  const before = snapshot(link.run.directory);
  assertRefused(await runSync({ ...link.run, args: ["--replace-source"] }), 1, "bitrate");
  await link.build({
    sessions: [{ startMs: AIR_START_MS + 60_000, segments: 2 }],
    metadata: { channels: "2" },
  });
  assertRefused(await runSync({ ...link.run, args: ["--replace-source"] }), 1, "channels");
  assert.deepEqual(snapshot(link.run.directory), before);
});

test("a sender may be replaced again", async () => {
  await using link = await Link.start();
  for (const minute of [1, 2]) {
    await link.build({ sessions: [{ startMs: AIR_START_MS + minute * 60_000, segments: 3 }] });
    assert.equal((await link.replace()).segments, 3);
  }
  assert.deepEqual(
    readRows(link.copy).map(({ id }) => id),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 16, 17, 18],
  );
  assert.equal(readHoles(link.copy).length, 2);
});
