import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { toCrc32 } from "../../src/core/segment.ts";
import { fillUp, FILLER, mountTmpfs, whyNoMount } from "../support/mounts.ts";
import { watchPeakBytes } from "../support/peak-memory.ts";
import { startCli } from "../support/run-cli.ts";
import {
  AIR_START_MS,
  createSenderDatabase,
  enlargeAudio,
  inDatabase,
  readCursor,
  readIds,
  readRows,
} from "../support/sender-database.ts";
import { type SenderServer, startSender } from "../support/sender-server.ts";
import { runSync, syncWell } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

const SEGMENTS = 50;

/** Ten megabytes in all: nearly all of it is written by a thread of its own. */
const SEGMENT_BYTES = 200_000;

/** More than two of them in one chunk: they do not fit into the room that is made at first. */
const LONG_SEGMENT_BYTES = 4_800_000;

/** CBOR: two buffers with room for three of them each. JSON: a page is longer by a third as text, and is decoded. What is read is 240 MB. */
const RSS_MEGABYTES_MAX = { CBOR: 200, JSON: 320 };

const onLinux = { skip: process.platform !== "linux" };

const MEGABYTE = 1e6;

const dir = tempDir();
let sender: SenderServer;
const source = join(dir.path, "sender", "a.sqlite");
const long = join(dir.path, "sender", "long.sqlite");

before(async () => {
  mkdirSync(join(dir.path, "sender"));
  for (const [name, bytes] of [
    ["a", SEGMENT_BYTES],
    ["long", LONG_SEGMENT_BYTES],
  ] as const) {
    const sessions = [{ startMs: AIR_START_MS, segments: SEGMENTS }];
    enlargeAudio(await createSenderDatabase(join(dir.path, "sender"), { name, sessions }), bytes);
  }
  sender = await startSender(join(dir.path, "sender"));
});

after(async () => {
  await sender[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

test("a large fill arrives whole, in long pages, and leaves nothing beside it", async () => {
  const directory = join(dir.path, "whole");
  const report = await syncWell({ url: sender.url, directory, show: "a", args: ["-s", "7"] });
  assert.deepEqual([report.segments, report.bytes], [SEGMENTS, SEGMENTS * SEGMENT_BYTES]);
  const copy = join(directory, "a.sqlite");
  assert.deepEqual(readRows(copy), readRows(source));
  const setting = (name: string): unknown =>
    inDatabase(copy, (database) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  assert.deepEqual(["page_size", "auto_vacuum", "journal_mode"].map(setting), [16_384, 2, "wal"]);
  assert.deepEqual(readdirSync(directory).toSorted(), [".a.lock", "a.sqlite"]);
});

test(
  "a disk that is full in the middle of a fill is told, and the next run goes on",
  { skip: whyNoMount ?? false },
  async () => {
    using disk = mountTmpfs(16);
    const run = { url: sender.url, directory: join(disk.path, "archive"), show: "a", args: ["-s", "7"] };
    mkdirSync(run.directory);
    const giveBack = leaveRoom(disk.path, 8);
    const { status, stderr } = await runSync(run);
    assert.equal(status, 1);
    assert.match(stderr, /^error: .*a\.sqlite.*(full|room|space)/);
    const held = readIds(join(run.directory, "a.sqlite"));
    assert.ok(held.length >= 7 && held.length < SEGMENTS, `${held.length} rows`);
    assert.equal(readCursor(join(run.directory, "a.sqlite")), held.length);
    giveBack();
    const report = await syncWell(run);
    assert.equal(report.segments, SEGMENTS - held.length);
    assert.deepEqual(readRows(join(run.directory, "a.sqlite")), readRows(source));
  },
);

test("a fill that is told to stop ends with whole chunks, and the next run goes on", async () => {
  const directory = join(dir.path, "stopped");
  const copy = join(directory, "a.sqlite");
  const asked = Promise.withResolvers<void>();
  sender.tamper = ({ resource }) => {
    if (resource === "segments") asked.resolve();
    return undefined;
  };
  await using sync = startCli(["sync", "-r", sender.url, "-l", directory, "-n", "a", "-s", "7", "--quiet"]);
  await Promise.race([asked.promise, sync.exited]);
  await delay(20);
  sync.kill("SIGTERM");
  const { status } = await sync.exited;
  sender.tamper = () => undefined;
  assert.ok(status === 143 || status === 0, `ended with ${status}`);
  const cursor = readCursor(copy);
  assert.equal(readIds(copy).length, cursor);
  assert.ok(cursor % 7 === 0 || cursor === SEGMENTS, `${cursor} rows`);
  const report = await syncWell({ url: sender.url, directory, show: "a" });
  assert.equal(report.segments, SEGMENTS - cursor);
  assert.deepEqual(readRows(copy), readRows(source));
});

for (const format of ["CBOR", "JSON"] as const) {
  test(
    `rows of ${format} that are longer than usual arrive whole, in bounded memory`,
    onLinux,
    async (context) => {
      const directory = join(dir.path, `long-${format}`);
      const options = format === "JSON" ? ({ isJsonOnly: true } as const) : {};
      await using other = await startSender(join(dir.path, "sender"), options);
      const megabytes = await measureSync(["-r", other.url, "-l", directory, "-n", "long", "--quiet"]);
      assert.deepEqual(readCrcs(join(directory, "long.sqlite")), readCrcs(long));
      context.diagnostic(`${megabytes.toFixed(0)} MB`);
      assert.ok(megabytes > 50 && megabytes < RSS_MEGABYTES_MAX[format], `${megabytes} MB`);
    },
  );
}

/** The most memory that a sync of its own process had, which has to go well. */
async function measureSync(args: readonly string[]): Promise<number> {
  await using sync = startCli(["sync", ...args]);
  const megabytes = (await watchPeakBytes(sync)) / MEGABYTE;
  const { status, stderr } = await sync.exited;
  assert.equal(status, 0, stderr);
  return megabytes;
}

/** Of what is stored, not of what is said of it. */
function readCrcs(path: string): number[] {
  return inDatabase(path, (database) => {
    const rows = database.prepare("SELECT audio_data FROM segments ORDER BY id").iterate();
    return Array.from(rows, (row) =>
      row["audio_data"] instanceof Uint8Array ? toCrc32(row["audio_data"]) : -1,
    );
  });
}

/** Takes all but some megabytes of a disk; returns what gives them back. */
function leaveRoom(directory: string, megabytesLeft: number): () => void {
  fillUp(directory);
  const file = join(directory, FILLER);
  truncateSync(file, statSync(file).size - megabytesLeft * 1024 * 1024);
  return () => rmSync(file);
}
