import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { assertRefused } from "../support/refusal.ts";
import { runCli } from "../support/run-cli.ts";
import {
  AIR_START_MS,
  appendSession,
  createSenderDatabase,
  readEvents,
  readRows,
  runSql,
  type SegmentRow,
} from "../support/sender-database.ts";
import { type SenderServer, startSender, type Tamper } from "../support/sender-server.ts";
import { runSync, syncWell } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A sender of other make: three endpoints, no more keys than the two examples have, and some that nobody knows. */
const legacy: Tamper = async ({ url, resource, json }) => {
  if (url.pathname === "/api/sync/shows") {
    const { shows } = await json<{ shows: { name: string }[] }>();
    return { json: { shows: shows.map((show) => ({ ...show, listeners: 3 })), page: 1 } };
  }
  if (resource === "metadata") {
    const {
      last_id: _a,
      max_event_id: _b,
      channels: _c,
      timezone: _d,
      head_crc32: _e,
      ...known
    } = await json<Record<string, unknown>>();
    return { json: { ...known, codec: { vendor: "x" } } };
  }
  if (resource === "segments") {
    const rows = await json<SegmentRow[]>();
    return {
      json: rows.map(({ duration_samples: _a, crc32: _b, ...row }) => ({
        ...row,
        checksum: "x",
      })),
    };
  }
  return { json: { error: "no such thing" }, status: 404 };
};

const dir = tempDir();
const senderDir = join(dir.path, "sender");
const source = join(senderDir, "a.sqlite");
let sender: SenderServer;

before(async () => {
  mkdirSync(senderDir);
  for (const name of ["a", "b"]) {
    const sessions = [{ startMs: AIR_START_MS, segments: 8 }];
    const events = [{ timestampMs: AIR_START_MS, kind: "title", data: { title: "x" } }];
    await createSenderDatabase(senderDir, { name, sessions, events });
  }
  sender = await startSender(senderDir, { tamper: legacy });
});

after(async () => {
  await sender[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

test("a sender with three endpoints and nothing more is synced with CRCs and lengths of its audio", async () => {
  using archive = tempDir();
  const result = await runCli([
    "sync",
    "-r",
    sender.url,
    "-l",
    archive.path,
    "-n",
    "b",
    "-n",
    "a",
    "-s",
    "3",
  ]);
  assert.equal(result.status, 0, result.stderr);
  for (const name of ["a", "b"]) {
    const [theirs, ours] = [join(senderDir, `${name}.sqlite`), join(archive.path, `${name}.sqlite`)];
    assert.deepEqual(readRows(ours), readRows(theirs));
    assert.deepEqual(readEvents(ours), []);
  }
  const verified = await runCli(["verify", archive.path]);
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
});

test("it goes on where it was, and a deleted row is a hole as with any other", async () => {
  using own = tempDir();
  const path = await createSenderDatabase(own.path, {
    name: "a",
    sessions: [{ startMs: AIR_START_MS, segments: 4 }],
  });
  await using other = await startSender(own.path, { tamper: legacy });
  using archive = tempDir();
  const run = { url: other.url, directory: archive.path, show: "a" };
  await syncWell(run);
  await appendSession(path, { startMs: AIR_START_MS + 60_000, segments: 4 });
  runSql(path, "DELETE FROM segments WHERE id = 5");
  const report = await syncWell(run);
  assert.deepEqual([report.segments, report.skipped, report.last_synced_id], [3, 1, 8]);
});

test("its max_id tells that it was set back, unless it has no rows at all", async () => {
  using own = tempDir();
  const path = await createSenderDatabase(own.path, {
    name: "a",
    sessions: [{ startMs: AIR_START_MS, segments: 4 }],
  });
  await using other = await startSender(own.path, { tamper: legacy });
  using archive = tempDir();
  const run = { url: other.url, directory: archive.path, show: "a" };
  await syncWell(run);
  runSql(path, "DELETE FROM segments WHERE id > 2");
  assertRefused(await runSync(run), 1, "4", "2");
  runSql(path, "DELETE FROM segments");
  assert.equal((await syncWell(run)).last_synced_id, 4);
});

test("audio that nobody can read is opaque: it is kept as it came, with a length of 0", async () => {
  using archive = tempDir();
  const audio = Uint8Array.from({ length: 5000 }, (_, index) => index % 251).toBase64();
  await using other = await startSender(senderDir, {
    tamper: async (request) => {
      const reply = await legacy(request);
      if (request.resource !== "segments" || reply === undefined || !("json" in reply)) return reply;
      const rows: SegmentRow[] = JSON.parse(JSON.stringify(reply.json));
      return { json: rows.map((row) => ({ ...row, audio_data: audio })) };
    },
  });
  await syncWell({ url: other.url, directory: archive.path, show: "a" });
  const rows = readRows(join(archive.path, "a.sqlite"));
  assert.deepEqual(new Set(rows.map((row) => row.audio_data)), new Set([audio]));
  assert.deepEqual(new Set(rows.map((row) => row.duration_samples)), new Set([0]));
  assert.equal(rows.length, readRows(source).length);
});
