import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { mainPath, startProcess } from "../support/run-cli.ts";
import {
  AIR_START_MS,
  createSenderDatabase,
  enlargeAudio,
  readCursor,
  readEvents,
  readRows,
} from "../support/sender-database.ts";
import { type SenderServer, startSender } from "../support/sender-server.ts";
import { readTracer, waitUntilHeld } from "../support/stopped-process.ts";
import { syncHere } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Everything by which a database or a directory changes. */
const CALLS = "pwrite64,write,fsync,fdatasync,ftruncate,rename,unlink";

const FILES: readonly string[] = [
  ".a.lock",
  ".a.lock-journal",
  ".a.sqlite.new",
  ".a.sqlite.new-journal",
  "a.sqlite",
  "a.sqlite-journal",
  "a.sqlite-wal",
  "a.sqlite-shm",
];

const SEGMENTS = 30;
const MORE_SEGMENTS = 20;
const CHUNK_SIZE = "7";

/** A call is held for so long at most; the kill comes much earlier, and ends the tracer too, which would wait. */
const HOLD_SECONDS = 20;

/** More calls than this are no small sync. */
const CALLS_MAX = 2000;

type Series = { title: string; isFirst: boolean; segmentBytes?: number; files?: readonly string[] };

/**
 * The first fill has a rollback journal, whatever comes later a write-ahead log. A large fill is written by a thread of its own, from its
 * first chunk on. Calls are counted for each thread: of a large one, only those to files that no other thread writes before.
 */
const SERIES: readonly Series[] = [
  { title: "of a first sync", isFirst: true },
  {
    title: "of a large first sync",
    isFirst: true,
    segmentBytes: 160_000,
    files: ["a.sqlite", "a.sqlite-journal"],
  },
  { title: "of a later sync", isFirst: false },
];

/** Kills at call `first`, and at every `step`-th after it, until a sync ends without having come so far. */
export function testSyncWriteKills({ first, step }: { first: number; step: number }): void {
  const canTrace = spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]).status === 0;
  const skip = canTrace ? false : "strace is not installed, or may not trace";
  for (const series of SERIES) {
    test(`a kill at every write ${series.title}, from ${first} by ${step}`, { skip }, async (context) => {
      using dir = tempDir();
      await using sender = await startSender(makeSenderDirectory(dir.path));
      const source = await createSource(join(dir.path, "sender"));
      if (series.segmentBytes !== undefined) enlargeAudio(source, series.segmentBytes);
      let call = first;
      for (; ; call += step) {
        const directory = join(dir.path, `archive-${call}`);
        if (!series.isFirst) await fillPartly(sender, directory);
        const isKilled = await killAt(call, { directory, files: series.files ?? FILES }, sender);
        await requireWholeAfter(sender, directory, source);
        if (!isKilled) break;
        assert.ok(call < CALLS_MAX, "a small sync has an end");
      }
      context.diagnostic(`${call - first} calls`);
      assert.ok(call > first, "the sync was killed");
    });
  }
}

function makeSenderDirectory(directory: string): string {
  const path = join(directory, "sender");
  mkdirSync(path);
  return path;
}

async function createSource(directory: string): Promise<string> {
  const sessions = [SEGMENTS, MORE_SEGMENTS].map((segments, index) => ({
    startMs: AIR_START_MS + index * 100_000,
    segments,
  }));
  const events = [1, 2, 3].map((title) => ({
    timestampMs: AIR_START_MS + title * 1000,
    kind: "title",
    data: { title: String(title) },
  }));
  return await createSenderDatabase(directory, { name: "a", sessions, events });
}

/** A recipient from when the sender had the first session alone. */
async function fillPartly(sender: SenderServer, directory: string): Promise<void> {
  sender.tamper = async ({ resource, json }) => {
    if (resource !== "metadata") return undefined;
    const metadata = await json<Record<string, unknown>>();
    return { json: { ...metadata, max_id: SEGMENTS, last_id: SEGMENTS, max_event_id: 1 } };
  };
  await syncHere({ url: sender.url, directory, show: "a" });
  sender.tamper = () => undefined;
}

/** Lets a sync run until call `call`, and kills it there; false when it came to its end before. */
async function killAt(
  call: number,
  { directory, files: names }: { directory: string; files: readonly string[] },
  sender: SenderServer,
): Promise<boolean> {
  const files = names.flatMap((file) => ["-P", join(directory, file)]);
  const hold = `inject=${CALLS}:delay_enter=${HOLD_SECONDS * 1_000_000}:when=${call}`;
  const trace = ["-D", "-f", "-qq", "-o", "/dev/null", ...files, "-e", `trace=${CALLS}`, "-e", hold];
  const sync = ["sync", "-r", sender.url, "-l", directory, "-n", "a", "-s", CHUNK_SIZE, "--quiet"];
  await using running = startProcess("strace", [...trace, process.execPath, mainPath, ...sync]);
  if (!(await waitUntilHeld(running.pid))) {
    const { status, stderr } = await running.exited;
    assert.equal(status, 0, stderr);
    return false;
  }
  const tracer = readTracer(running.pid);
  running.kill("SIGKILL");
  process.kill(tracer, "SIGKILL");
  await running.exited;
  return true;
}

/** What was committed is not fetched again, and what is there in the end is what the sender has. */
async function requireWholeAfter(sender: SenderServer, directory: string, source: string): Promise<void> {
  const copy = join(directory, "a.sqlite");
  const cursor = existsSync(copy) ? readCursor(copy) : 0;
  const asked = sender.segmentRequests().length;
  await syncHere({ url: sender.url, directory, show: "a" });
  const [request] = sender.segmentRequests().slice(asked);
  assert.equal(request?.startId ?? cursor + 1, cursor + 1);
  assert.deepEqual(readRows(copy), readRows(source));
  const ids = readEvents(copy).map((event) => event.source_id);
  assert.deepEqual(ids, [1, 2, 3]);
}
