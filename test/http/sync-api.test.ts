import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import type { Log } from "../../src/core/log.ts";
import { toCrc32 } from "../../src/core/segment.ts";
import {
  AIR_START_MS,
  createSenderDatabase,
  inDatabase,
  readMetadata,
  readRows,
  runSql,
  type SegmentRow,
} from "../support/sender-database.ts";
import { type SenderServer, startSender } from "../support/sender-server.ts";
import { tempDir } from "../support/temp-dir.ts";

const dir = tempDir();
const senderDir = join(dir.path, "sender");
const path = (name: string): string => join(senderDir, `${name}.sqlite`);
let sender: SenderServer;

before(async () => {
  mkdirSync(senderDir);
  const sessions = [
    { startMs: AIR_START_MS, segments: 6 },
    { startMs: AIR_START_MS + 60_000, segments: 6 },
  ];
  const titles = ["x", "y", "z"].map((title) => ({
    timestampMs: AIR_START_MS,
    kind: "title",
    data: { title },
  }));
  const metadata = { split_interval: "300", bitrate: "16", timezone: "Europe/Berlin" };
  await createSenderDatabase(senderDir, { name: "myradio", sessions, events: titles, metadata });
  await createSenderDatabase(senderDir, { name: "empty" });
  await createSenderDatabase(senderDir, { name: "emptied", sessions });
  runSql(path("emptied"), "DELETE FROM segments");
  await createSenderDatabase(senderDir, { name: "follower", sessions, metadata: { is_recipient: "true" } });
  await createSenderDatabase(senderDir, { name: "large" });
  writeFileSync(path("rubbish"), "no database ".repeat(500));
  runSql(path("foreign"), "CREATE TABLE t (a)");
  sender = await startSender(senderDir);
});

after(async () => {
  await sender[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

async function get(address: string, headers: Record<string, string> = {}, at = sender): Promise<Response> {
  return await fetch(at.url + address, { headers });
}

async function getJson<T>(address: string): Promise<T> {
  const response = await get(address);
  assert.equal(response.status, 200, address);
  assert.equal(response.headers.get("Content-Type"), "application/json");
  const value: T = JSON.parse(await response.text());
  return value;
}

/** Holds an answer against RFC 9457 and against telling strangers too much. */
async function assertProblem(response: Response, status: number): Promise<void> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.match(response.headers.get("Content-Type") ?? "", /^application\/problem\+json/);
  const problem: Record<string, unknown> = JSON.parse(text);
  assert.equal(problem["status"], status);
  assert.equal(typeof problem["type"], "string");
  assert.equal(typeof problem["title"], "string");
  assert.ok(!text.includes(dir.path), `no path: ${text}`);
  assert.doesNotMatch(text, /SELECT|SQLITE|\bat \S+:\d+|node:|\.ts\b/, "neither SQL nor a stack");
  assert.ok(text.length < 1000);
}

test("metadata has the keys, types and spelling of the contract", async () => {
  const metadata = await getJson<Record<string, unknown>>("/api/sync/shows/myradio/metadata");
  assert.deepEqual(metadata, {
    unique_id: readMetadata(path("myradio"))["unique_id"],
    name: "myradio",
    audio_format: "opus",
    split_interval: "300",
    bitrate: "16",
    sample_rate: "48000",
    version: "1",
    is_recipient: false,
    min_id: 1,
    max_id: 12,
    last_id: 12,
    max_event_id: 3,
    channels: "1",
    timezone: "Europe/Berlin",
    head_crc32: true,
    receivers: true,
  });
  assert.match(String(metadata["unique_id"]), /^db_[a-z0-9]{12}$/);
});

test("a show without segments has min_id and max_id 0, and last_id tells whether it ever had any", async () => {
  type Ids = { min_id: number; max_id: number; last_id: number; max_event_id: number };
  const empty = await getJson<Ids>("/api/sync/shows/empty/metadata");
  assert.deepEqual([empty.min_id, empty.max_id, empty.last_id, empty.max_event_id], [0, 0, 0, 0]);
  const emptied = await getJson<Ids>("/api/sync/shows/emptied/metadata");
  assert.deepEqual([emptied.min_id, emptied.max_id, emptied.last_id], [0, 0, 12]);
});

test("the list names every sender database, in order, and no recipient or other file", async () => {
  const list = await getJson<{ shows: { name: string }[] }>("/api/sync/shows");
  assert.deepEqual(Object.keys(list), ["shows"]);
  assert.deepEqual(
    list.shows.map((show) => show.name),
    ["emptied", "empty", "large", "myradio"],
  );
});

test("a database that comes or goes while the server runs is served, or not any more", async () => {
  using more = tempDir();
  await using server = await startSender(more.path);
  assert.equal((await get("/api/sync/shows/late/metadata", {}, server)).status, 404);
  const late = await createSenderDatabase(more.path, { name: "late" });
  assert.equal((await get("/api/sync/shows/late/metadata", {}, server)).status, 200);
  runSql(late, "UPDATE metadata SET value = '64' WHERE key = 'bitrate'");
  const text = await (await get("/api/sync/shows/late/metadata", {}, server)).text();
  assert.equal(JSON.parse(text).bitrate, "64", "what the database holds now");
});

test("segments have the keys, types and spelling of the contract", async () => {
  const rows = await getJson<SegmentRow[]>("/api/sync/shows/myradio/segments?start_id=1&end_id=12");
  assert.deepEqual(rows, readRows(path("myradio")));
  for (const row of rows) {
    assert.deepEqual(Object.keys(row).sort(), [
      "audio_data",
      "crc32",
      "duration_samples",
      "id",
      "is_timestamp_from_source",
      "timestamp_ms",
    ]);
    assert.match(row.audio_data, /^[A-Za-z0-9+/]+={0,2}$/);
    assert.equal(toCrc32(Buffer.from(row.audio_data, "base64")), row.crc32);
  }
  assert.deepEqual(
    rows.filter((row) => row.is_timestamp_from_source === 1).map((row) => row.id),
    [1, 7],
  );
});

test("the range of ids is closed at both ends, and an empty answer means that it holds no row", async () => {
  const ids = async (query: string): Promise<unknown[]> =>
    (await getJson<{ id: number }[]>(`/api/sync/shows/myradio/segments?${query}`)).map((row) => row.id);
  assert.deepEqual(await ids("start_id=3&end_id=5"), [3, 4, 5]);
  assert.deepEqual(await ids("start_id=5&end_id=5"), [5]);
  assert.deepEqual(await ids("start_id=11&end_id=9007199254740991"), [11, 12]);
  assert.deepEqual(await ids("start_id=0&end_id=1"), [1]);
  assert.deepEqual(await ids("start_id=13&end_id=99"), []);
  assert.deepEqual(await ids("start_id=0&end_id=0"), []);
  assert.deepEqual(await ids("start_id=1&end_id=12&limit=2"), [1, 2]);
  assert.deepEqual(await ids("end_id=4&limit=1&start_id=4&other=x"), [4]);
});

test("an absent limit is 100, and a large one is clamped and never an error", async () => {
  inDatabase(path("large"), (database) => {
    database.exec(`
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
      INSERT INTO segments (timestamp_ms, duration_samples, crc32, audio_data)
      SELECT i, 1, 0, x'00' FROM n`);
  });
  const count = async (limit: string): Promise<number> =>
    (await getJson<unknown[]>(`/api/sync/shows/large/segments?start_id=1&end_id=5000${limit}`)).length;
  assert.equal(await count(""), 100);
  assert.equal(await count("&limit=101"), 101);
  assert.equal(await count("&limit=1000000"), 1000);
  assert.equal(await count("&limit=9007199254740991"), 1000);
  assert.equal(await count("&limit=9223372036854775808"), 1000);
  assert.equal(await count("&limit=0"), 1, "an empty answer would say that there is no row");
  const digests = await getJson<unknown[]>("/api/sync/shows/large/digests?start_id=1&end_id=5000");
  assert.equal(digests.length, 1500);
});

test("an answer ends when it has enough bytes, with at least one row", async () => {
  using more = tempDir();
  const large = await createSenderDatabase(more.path, { name: "heavy" });
  runSql(
    large,
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6)
     INSERT INTO segments (timestamp_ms, duration_samples, crc32, audio_data)
     SELECT i, 1, 0, zeroblob(CASE i WHEN 5 THEN 12000000 ELSE 3000000 END) FROM n`,
  );
  await using server = await startSender(more.path);
  const ids = async (startId: number): Promise<unknown[]> => {
    const response = await get(`/api/sync/shows/heavy/segments?start_id=${startId}&end_id=6`, {}, server);
    const rows: { id: number }[] = JSON.parse(await response.text());
    return rows.map((row) => row.id);
  };
  assert.deepEqual(await ids(1), [1, 2]);
  assert.deepEqual(await ids(3), [3, 4]);
  assert.deepEqual(await ids(5), [5]);
  assert.deepEqual(await ids(6), [6]);
});

test("events ascend behind after_id, with their data as an object", async () => {
  const all = await getJson<Record<string, unknown>[]>("/api/sync/shows/myradio/events");
  assert.deepEqual(
    all,
    ["x", "y", "z"].map((title, index) => ({
      id: index + 1,
      timestamp_ms: AIR_START_MS,
      kind: "title",
      data: { title },
    })),
  );
  assert.deepEqual(await getJson("/api/sync/shows/myradio/events?after_id=1&limit=1"), [all[1]]);
  assert.deepEqual(await getJson("/api/sync/shows/myradio/events?after_id=3&limit=99999999"), []);
  assert.deepEqual(await getJson("/api/sync/shows/empty/events?after_id=0"), []);
});

test("digests have an id, a CRC and a length, and no audio", async () => {
  const expected = readRows(path("myradio"))
    .slice(1, 4)
    .map(({ id, crc32, duration_samples }) => ({ id, crc32, duration_samples }));
  assert.deepEqual(await getJson("/api/sync/shows/myradio/digests?start_id=2&end_id=4"), expected);
  assert.deepEqual(await getJson("/api/sync/shows/empty/digests?start_id=2&end_id=4"), []);
});

describe("parameters that are none", () => {
  const bad = [
    "-1",
    "1e309",
    "1e3",
    "0x10",
    "1.5",
    "1.0",
    "",
    "+1",
    "%2B1",
    "%201",
    "NaN",
    "Infinity",
    "one",
    "1,2",
    "1;DROP",
    "%00",
    "١",
  ];
  const unsafe = ["9223372036854775808", "9007199254740992"];
  const queries = [
    "segments",
    "segments?start_id=1",
    "segments?end_id=1",
    "segments?start_id=5&end_id=4",
    "segments?start_id=1&start_id=1&end_id=2",
    "segments?start_id=1&end_id=2&end_id=2",
    "segments?start_id=1&end_id=2&limit=1&limit=1",
    "digests",
    "digests?start_id=5&end_id=4",
    "events?after_id=1&after_id=1",
    ...[...bad, ...unsafe].flatMap((value) => [
      `segments?start_id=${value}&end_id=9`,
      `segments?start_id=1&end_id=${value}`,
      `events?after_id=${value}`,
      `digests?start_id=${value}&end_id=9`,
    ]),
    ...bad.flatMap((value) => [`segments?start_id=1&end_id=9&limit=${value}`, `events?limit=${value}`]),
  ];
  test(`each of ${queries.length} requests is answered with 400`, async () => {
    for (const query of queries) {
      const response = await get(`/api/sync/shows/myradio/${query}`);
      assert.equal(response.status, 400, query);
      await assertProblem(response, 400);
    }
  });
});

test("an unknown show is 404, whatever its name and whatever is asked of it", async () => {
  const names = [
    "nosuch",
    "MyRadio",
    "..%2Fmyradio",
    "%2e%2e",
    "%00",
    "x".repeat(3000),
    "myradio.sqlite",
    "%25",
  ];
  for (const name of names) {
    for (const resource of [
      "metadata",
      "segments?start_id=1&end_id=2",
      "events",
      "digests?start_id=1&end_id=2",
    ]) {
      const response = await get(`/api/sync/shows/${name}/${resource}`);
      assert.equal(response.status, 404, `${name} ${resource}`);
      await assertProblem(response, 404);
    }
  }
});

test("an address that is no address is 404 and no crash", async () => {
  for (const address of [
    "/api/sync",
    "/api/sync/shows/myradio",
    "/api/sync/shows/myradio/audio",
    "/api/sync/shows/%E0%A4%A/metadata",
    "/nowhere",
  ]) {
    const response = await get(address);
    assert.ok([400, 404].includes(response.status), `${address}: ${response.status}`);
    await assertProblem(response, response.status);
  }
  await assertProblem(await fetch(`${sender.url}/api/sync/shows`, { method: "POST" }), 404);
});

test("a recipient is never served for sync: 409", async () => {
  for (const resource of [
    "metadata",
    "segments?start_id=1&end_id=2",
    "events",
    "digests?start_id=1&end_id=2",
  ]) {
    await assertProblem(await get(`/api/sync/shows/follower/${resource}`), 409);
  }
});

test("a file that is no show's database is an error without its path", async () => {
  for (const name of ["rubbish", "foreign"]) {
    await assertProblem(await get(`/api/sync/shows/${name}/metadata`), 500);
  }
});

test("with a token, every request but the bare liveness has to carry it", async () => {
  await using guarded = await startSender(senderDir, { token: "s3cret" });
  const addresses = [
    "/",
    "/api/sync/shows",
    "/api/sync/shows/myradio/metadata",
    "/api/sync/shows/nosuch/metadata",
    "/api/sync/shows/myradio/segments?start_id=1",
    "/api/shows",
    "/nowhere",
  ];
  for (const address of addresses) {
    const wrong = ["", "Bearer", "Bearer S3CRET", "Bearer s3cretx", "Basic s3cret", "s3cret"];
    for (const authorization of [undefined, ...wrong]) {
      const headers = authorization === undefined ? {} : { Authorization: authorization };
      const response = await get(address, headers, guarded);
      assert.equal(response.status, 401, `${address} with ${authorization}`);
      assert.equal(response.headers.get("WWW-Authenticate"), "Bearer");
      await assertProblem(response, 401);
    }
  }
  const good = { Authorization: "Bearer s3cret" };
  assert.equal((await get("/api/sync/shows", good, guarded)).status, 200);
  assert.equal(
    (await get("/api/sync/shows/myradio/metadata", { Authorization: "bearer s3cret" }, guarded)).status,
    200,
  );

  const bare = await get("/api/health", {}, guarded);
  assert.deepEqual([bare.status, JSON.parse(await bare.text())], [200, { status: "ok" }]);
  const full: unknown = JSON.parse(await (await get("/api/health", good, guarded)).text());
  assert.deepEqual(full, { status: "ok", shows: [] });
});

test("no answer may be stored by a cache, and the page says for itself what may", async () => {
  const addresses = ["/api/health", "/api/sync/shows", "/api/shows", "/api/sync/shows/nosuch/metadata", "/x"];
  for (const address of addresses) {
    assert.equal((await get(address)).headers.get("Cache-Control"), "no-store", address);
  }
});

test("what is passed over or fails on this side is in the log, and its path only there", async () => {
  using own = tempDir();
  await createSenderDatabase(own.path, { name: "good" });
  await createSenderDatabase(own.path, { name: "newer", metadata: { version: "2" } });
  symlinkSync(join(own.path, "nowhere"), join(own.path, "dangling.sqlite"));
  const lines: string[] = [];
  const log: Log = { info: () => undefined, warn: (line) => void lines.push(line), child: () => log };
  await using server = await startSender(own.path, { log });
  for (let round = 0; round < 2; round++) {
    const response = await get("/api/sync/shows", {}, server);
    assert.deepEqual(JSON.parse(await response.text()), { shows: [{ name: "good" }] });
  }
  const told = lines.splice(0);
  assert.equal(told.length, 2, `each of them once: ${told.join("; ")}`);
  assert.ok(told.some((line) => line.includes("newer.sqlite") && line.includes('"2"')));
  for (const name of ["newer", "dangling"]) {
    const response = await get(`/api/sync/shows/${name}/metadata`, {}, server);
    const text = await response.clone().text();
    assert.ok(!text.includes(own.path), text);
    await assertProblem(response, 500);
    assert.match(lines.pop() ?? "", new RegExp(`${name}\\.sqlite`));
  }
  rmSync(own.path, { recursive: true });
  const gone = await get("/api/sync/shows/good/metadata", {}, server);
  assert.ok(!(await gone.clone().text()).includes(own.path));
  await assertProblem(gone, 500);
  mkdirSync(own.path);
});
