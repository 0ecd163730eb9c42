import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { createCborReader, readRows as readStream } from "../../src/sync/read-rows.ts";
import type { WireSegment } from "../../src/sync/wire.ts";
import { AIR_START_MS, createSenderDatabase, readRows, runSql } from "../support/sender-database.ts";
import { type SenderServer, startSender } from "../support/sender-server.ts";
import { tempDir } from "../support/temp-dir.ts";

const SEGMENTS = 150;
const CBOR = "application/cbor-seq";

/** More than the network between a sender and a slow client holds. */
const LARGE_ROWS = `
  WITH RECURSIVE numbers (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < 300)
  INSERT INTO segments (timestamp_ms, duration_samples, crc32, audio_data)
  SELECT value * 1000, 48000, 0, randomblob(100000) FROM numbers`;

const dir = tempDir();
let path = "";
let sender: SenderServer;

before(async () => {
  mkdirSync(join(dir.path, "sender"));
  const sessions = [0, 1, 2].map((index) => ({
    startMs: AIR_START_MS + index * 60_000,
    segments: SEGMENTS / 3,
  }));
  path = await createSenderDatabase(join(dir.path, "sender"), { name: "a", sessions });
  sender = await startSender(join(dir.path, "sender"));
});

after(async () => {
  await sender[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

async function ask(query: string, accept: string): Promise<Response> {
  return await fetch(`${sender.url}/api/sync/shows/a/segments?${query}`, { headers: { Accept: accept } });
}

async function readAll(response: Response): Promise<WireSegment[]> {
  assert.ok(response.body);
  const rows: WireSegment[] = [];
  for await (const batch of readStream(response.body, createCborReader(), { rowsMax: 1000, isStream: true }))
    rows.push(...structuredClone(batch));
  return rows;
}

test("a client that asks for CBOR gets all rows of the range as one stream", async () => {
  const response = await ask(`start_id=1&end_id=999&limit=${SEGMENTS * 10}`, CBOR);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), CBOR);
  const rows = (await readAll(response)).map(({ audio_data: audio, head_crc32: head, ...row }) => {
    assert.ok(audio instanceof Uint8Array);
    assert.equal(typeof head, "number");
    return { ...row, audio_data: audio.toBase64() };
  });
  assert.deepEqual(rows, readRows(path));
});

test("limit counts rows of a stream too, and is 100 when absent", async () => {
  const count = async (query: string): Promise<number> => (await readAll(await ask(query, CBOR))).length;
  assert.equal(await count("start_id=1&end_id=999"), 100);
  assert.equal(await count("start_id=1&end_id=999&limit=3"), 3);
  assert.equal(await count("start_id=149&end_id=999&limit=99999999999999999999"), 2);
  assert.equal(await count("start_id=500&end_id=999"), 0);
});

test("everybody else gets JSON", async () => {
  for (const accept of ["*/*", "application/json", `${CBOR};q=0.1, application/json`, "text/html", ""]) {
    const response = await ask("start_id=1&end_id=2", accept);
    assert.match(response.headers.get("content-type") ?? "", /^application\/json/, accept);
    const rows: unknown = await response.json();
    assert.ok(Array.isArray(rows) && rows.length === 2);
  }
});

test("what is wrong with a request is told as ever", async () => {
  assert.equal((await ask("start_id=1", CBOR)).status, 400);
  assert.equal((await ask("start_id=3&end_id=2", CBOR)).status, 400);
});

test("rows that are deleted while a slow client reads are left out, and no reader is left when it goes away", async () => {
  const large = await createSenderDatabase(join(dir.path, "sender"), { name: "large" });
  runSql(large, LARGE_ROWS);
  const response = await fetch(
    `${sender.url}/api/sync/shows/large/segments?start_id=1&end_id=999&limit=999`,
    {
      headers: { Accept: CBOR },
    },
  );
  assert.ok(response.body);
  const batches = readStream(response.body, createCborReader(), { rowsMax: 10, isStream: true });
  assert.equal((await batches.next()).value?.[0]?.id, 1);
  assert.equal(countOpen(large), 1);
  runSql(large, "DELETE FROM segments WHERE id > 290");
  const ids = new Set<number>();
  for await (const batch of batches) for (const { id } of batch) ids.add(id);
  assert.deepEqual([ids.has(290), ids.has(291)], [true, false]);

  const other = await fetch(`${sender.url}/api/sync/shows/large/segments?start_id=1&end_id=999&limit=999`, {
    headers: { Accept: CBOR },
  });
  const reader = other.body?.getReader();
  await reader?.read();
  assert.equal(countOpen(large), 1);
  await reader?.cancel();
  for (let waitedMs = 0; countOpen(large) > 0 && waitedMs < 3000; waitedMs += 20) await delay(20);
  assert.equal(countOpen(large), 0);
});

/** How many connections this process has to the database. */
function countOpen(path: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;
}
