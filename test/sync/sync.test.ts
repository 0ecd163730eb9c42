import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { samplesToMs } from "../../src/core/segment.ts";
import { assertRefused } from "../support/refusal.ts";
import { runCli, startCli } from "../support/run-cli.ts";
import {
  AIR_START_MS,
  appendSession,
  createSenderDatabase,
  readCursor,
  readEvents,
  readIds,
  readMetadata,
  readRows,
  runSql,
  type SenderShow,
} from "../support/sender-database.ts";
import { type SenderOptions, type SenderServer, startSender } from "../support/sender-server.ts";
import { runSync, syncWell } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

const TITLES = ["one", "two"].map((title, index) => ({
  timestampMs: AIR_START_MS + index * 1000,
  kind: "title",
  data: { title },
}));

type Link = AsyncDisposable & {
  sender: SenderServer;
  /** The sender's database of show "a", and the recipient's. */
  source: string;
  copy: string;
  archive: string;
  run: { url: string; directory: string; show: string };
};

/** A sender with a show "a" of 10 segments in two sessions, and an archive directory that does not exist yet. */
async function startLink({ isJsonOnly, ...show }: Partial<SenderShow> & SenderOptions = {}): Promise<Link> {
  const dir = tempDir();
  const senderDir = join(dir.path, "sender");
  const archive = join(dir.path, "archive");
  mkdirSync(senderDir);
  const sessions = [
    { startMs: AIR_START_MS, segments: 6 },
    { startMs: AIR_START_MS + 60_000, segments: 4 },
  ];
  const source = await createSenderDatabase(senderDir, { name: "a", sessions, events: TITLES, ...show });
  const sender = await startSender(senderDir, isJsonOnly === true ? { isJsonOnly } : {});
  return {
    sender,
    source,
    archive,
    copy: join(archive, "a.sqlite"),
    run: { url: sender.url, directory: archive, show: "a" },
    async [Symbol.asyncDispose]() {
      await sender[Symbol.asyncDispose]();
      dir[Symbol.dispose]();
    },
  };
}

test("a recorder's databases arrive row by row, in the given order, in chunks", async () => {
  using dir = tempDir();
  const recordings = join(dir.path, "recordings");
  const archive = join(dir.path, "archive");
  mkdirSync(recordings);
  for (const name of ["a", "b"]) {
    const sessions = [{ startMs: AIR_START_MS, segments: name === "a" ? 20 : 9 }];
    await createSenderDatabase(recordings, { name, sessions, events: TITLES });
  }
  writeFileSync(join(dir.path, "token"), "s3cret\n");
  const shows = ["a", "b"].map(
    (name) =>
      `[[shows]]\nname = "${name}"\nurl = "http://127.0.0.1:1/"\nsplit_interval = 1\nretention_hours = 1000000\n`,
  );
  writeFileSync(join(dir.path, "record.toml"), `[api]\nport = 0\ntoken_file = "token"\n${shows.join("")}`);
  await using recorder = startCli(["record", "-c", join(dir.path, "record.toml")]);
  const [, url = ""] = await recorder.waitForLine(/player at (http:\S+)/);
  const args = ["sync", "-r", url, "-l", archive, "-n", "b", "-n", "a", "-s", "7"];

  assertRefused(await runCli(args), 1, "401", "--token-file");
  const result = await runCli([...args, "--token-file", join(dir.path, "token")]);
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /^b: 9 segments.*\na: 20 segments.*\n$/);
  for (const name of ["a", "b"]) {
    const [source, copy] = [join(recordings, `${name}.sqlite`), join(archive, `${name}.sqlite`)];
    assert.deepEqual(readRows(copy), readRows(source));
    const { unique_id: theirs, is_recipient: _, ...same } = readMetadata(source);
    const { unique_id: own, ...held } = readMetadata(copy);
    assert.match(own ?? "", /^db_[a-z0-9]{12}$/);
    assert.notEqual(own, theirs);
    const { last_synced_event_id: eventCursor, ...rest } = held;
    assert.deepEqual(rest, {
      ...same,
      is_recipient: "true",
      source_unique_id: theirs,
      last_synced_id: name === "a" ? "20" : "9",
    });
    assert.ok(Number(eventCursor) >= 2);
  }
});

test("of JSON a chunk has as many rows as was asked for, each id is asked for once, and the target is fixed at the start", async () => {
  await using link = await startLink({ isJsonOnly: true });
  let isFirst = true;
  link.sender.tamper = async ({ resource }) => {
    if (resource === "segments" && isFirst) {
      isFirst = false;
      await appendSession(link.source, { startMs: AIR_START_MS + 120_000, segments: 3 });
    }
    return undefined;
  };
  const report = await syncWell({ ...link.run, args: ["-s", "4"] });
  assert.deepEqual(
    link.sender.segmentRequests().map(({ startId, endId, limit }) => [startId, endId, limit]),
    [
      [1, 10, 4],
      [5, 10, 4],
      [9, 10, 4],
    ],
  );
  assert.deepEqual([report.segments, report.last_synced_id], [10, 10]);
  assert.equal((await syncWell(link.run)).segments, 3);
  assert.deepEqual(readRows(link.copy), readRows(link.source));
});

test("a sender that has shown that it speaks CBOR is asked for all the rest at once", async () => {
  await using link = await startLink();
  const report = await syncWell({ ...link.run, args: ["-s", "4"] });
  const requests = link.sender
    .segmentRequests()
    .map(({ startId, endId, limit }) => [startId, endId, limit > 1e6]);
  assert.deepEqual(requests, [
    [1, 10, false],
    [5, 10, true],
  ]);
  assert.deepEqual([report.segments, report.last_synced_id], [10, 10]);
  assert.deepEqual(readRows(link.copy), readRows(link.source));
});

test("a pass that has nothing to do asks for no audio", async () => {
  await using link = await startLink();
  await syncWell(link.run);
  const asked = link.sender.segmentRequests().length;
  const report = await syncWell(link.run);
  assert.deepEqual([report.segments, report.events, report.last_synced_id], [0, 0, 10]);
  assert.equal(link.sender.segmentRequests().length, asked);
});

test("ids that the sender deleted before they were pulled are skipped, told, and booked once with their times", async () => {
  await using link = await startLink();
  await syncWell(link.run);
  await appendSession(link.source, { startMs: AIR_START_MS + 100_000, segments: 5 });
  await appendSession(link.source, { startMs: AIR_START_MS + 200_000, segments: 3 });
  runSql(link.source, "DELETE FROM segments WHERE id BETWEEN 11 AND 15");

  const result = await runSync(link.run);
  assert.equal(result.status, 0, result.stderr);
  assert.match(
    result.stdout,
    /^a: 3 segments .*5 had been deleted at the sender before, from \S+Z to 2023-11-14T22:16:40.000Z\n$/,
  );
  const again = await syncWell(link.run);
  assert.equal(again.skipped, 0);

  const last = readRows(link.copy).find((row) => row.id === 10);
  const startMs = Math.round((last?.timestamp_ms ?? 0) + samplesToMs(last?.duration_samples ?? 0));
  const gaps = readEvents(link.copy).filter((event) => event.kind === "gap");
  assert.equal(gaps.length, 1);
  assert.equal(gaps[0]?.source_id, null);
  const { detail, ...data } = gaps[0]?.data ?? {};
  assert.deepEqual(data, {
    start_ms: startMs,
    end_ms: AIR_START_MS + 200_000,
    reason: "expired-before-sync",
  });
  assert.match(String(detail), /11 to 15/);
  assert.deepEqual(readRows(link.copy).slice(10), readRows(link.source).slice(10));
});

test("holes inside a chunk and between chunks are all counted", async () => {
  await using link = await startLink();
  await syncWell({ ...link.run, args: ["-s", "2"] });
  await appendSession(link.source, { startMs: AIR_START_MS + 100_000, segments: 10 });
  runSql(link.source, "DELETE FROM segments WHERE id IN (11, 14, 15, 18)");
  const report = await syncWell({ ...link.run, args: ["-s", "2"] });
  assert.deepEqual([report.segments, report.skipped, report.last_synced_id], [6, 4, 20]);
  assert.equal(readEvents(link.copy).filter((event) => event.kind === "gap").length, 3);
});

test("a sender that has deleted everything is no trouble, and the hole is booked when there is sound again", async () => {
  await using link = await startLink();
  await syncWell(link.run);
  await appendSession(link.source, { startMs: AIR_START_MS + 100_000, segments: 5 });
  runSql(link.source, "DELETE FROM segments");
  assert.equal((await syncWell(link.run)).last_synced_id, 10);
  await appendSession(link.source, { startMs: AIR_START_MS + 200_000, segments: 2 });
  const report = await syncWell(link.run);
  assert.deepEqual([report.segments, report.skipped, report.last_synced_id], [2, 5, 17]);
});

test("rows that the sender deletes while they are being pulled do not stop a pass", async () => {
  await using link = await startLink();
  link.sender.tamper = ({ resource, url }) => {
    if (resource === "segments" && url.searchParams.get("start_id") === "4") {
      runSql(link.source, "DELETE FROM segments");
    }
    return undefined;
  };
  const report = await syncWell({ ...link.run, args: ["-s", "3"] });
  assert.deepEqual([report.segments, report.last_synced_id], [3, 3]);
});

test("a new recipient starts at what the sender has left, without a hole", async () => {
  await using link = await startLink();
  runSql(link.source, "DELETE FROM segments WHERE id < 7");
  const report = await syncWell(link.run);
  assert.deepEqual([report.segments, report.skipped, report.last_synced_id], [4, 0, 10]);
  assert.deepEqual(
    readEvents(link.copy).filter((event) => event.kind === "gap"),
    [],
  );
});

test("a show without segments becomes an empty recipient that is filled later", async () => {
  await using link = await startLink({ sessions: [], events: [] });
  const report = await syncWell(link.run);
  assert.deepEqual([report.segments, report.last_synced_id], [0, 0]);
  await appendSession(link.source, { startMs: AIR_START_MS, segments: 2 });
  assert.equal((await syncWell(link.run)).segments, 2);
  assert.deepEqual(readRows(link.copy), readRows(link.source));
});

test("a show that lost all its segments before the first sync has no hole later", async () => {
  await using link = await startLink();
  runSql(link.source, "DELETE FROM segments");
  assert.equal((await syncWell(link.run)).last_synced_id, 10);
  await appendSession(link.source, { startMs: AIR_START_MS + 100_000, segments: 2 });
  const report = await syncWell(link.run);
  assert.deepEqual([report.segments, report.skipped], [2, 0]);
});

test("rows that were trimmed at the recipient do not come back, the header row and the last one included", async () => {
  await using link = await startLink();
  await syncWell(link.run);
  for (const condition of ["id IN (1, 4)", "id = 10", "true"]) {
    runSql(link.copy, `DELETE FROM segments WHERE ${condition}`);
    const kept = readIds(link.copy);
    const report = await syncWell(link.run);
    assert.deepEqual([report.segments, report.skipped], [0, 0]);
    assert.deepEqual(readIds(link.copy), kept);
  }
  await appendSession(link.source, { startMs: AIR_START_MS + 100_000, segments: 2 });
  const report = await syncWell(link.run);
  assert.deepEqual([report.segments, report.skipped], [2, 0]);
  assert.deepEqual(readIds(link.copy), [11, 12]);
});

test("a recipient's events are the sender's, with its ids, and do not double", async () => {
  await using link = await startLink();
  assert.equal((await syncWell(link.run)).events, 2);
  runSql(
    link.source,
    `INSERT INTO events (timestamp_ms, kind, data) VALUES (${AIR_START_MS}, 'odd', '{"x":[1,{"y":null}]}')`,
  );
  assert.equal((await syncWell(link.run)).events, 1);
  assert.equal((await syncWell(link.run)).events, 0);
  const expected = readEvents(link.source).map((event, index) => ({ ...event, source_id: index + 1 }));
  assert.deepEqual(readEvents(link.copy), expected);
});

test("more events than one answer holds all arrive", async () => {
  const events = Array.from({ length: 1203 }, (_, index) => ({
    timestampMs: AIR_START_MS + index,
    kind: "title",
    data: { title: `song ${index}` },
  }));
  await using link = await startLink({ events });
  assert.equal((await syncWell(link.run)).events, 1203);
  assert.equal(readEvents(link.copy).length, 1203);
});

test("a sender that was restored from an older copy is refused", async () => {
  await using link = await startLink();
  await syncWell(link.run);
  const before = readRows(link.copy);
  runSql(link.source, "DELETE FROM segments WHERE id > 8; UPDATE sqlite_sequence SET seq = 8");
  assertRefused(await runSync(link.run), 1, "10", "8");
  await appendSession(link.source, { startMs: AIR_START_MS + 70_000, segments: 5 });
  assertRefused(await runSync(link.run), 1, "segment 10", "CRC");
  assert.deepEqual(readRows(link.copy), before);
  assert.equal(readCursor(link.copy), 10);
});

test("a sender without rows that was set back is refused by its last_id", async () => {
  await using link = await startLink();
  await syncWell(link.run);
  runSql(link.source, "DELETE FROM segments; UPDATE sqlite_sequence SET seq = 0 WHERE name = 'segments'");
  assertRefused(await runSync(link.run), 1, "10", "0");
});

test("a second sync into the same database says who is at it, and the first goes on", async () => {
  await using link = await startLink();
  const asked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  link.sender.tamper = async ({ resource }) => {
    if (resource !== "segments") return undefined;
    asked.resolve();
    await goOn.promise;
    return undefined;
  };
  await using first = startCli(["sync", "-r", link.run.url, "-l", link.archive, "-n", "a"]);
  await asked.promise;
  assertRefused(await runSync(link.run), 1, link.copy, `process ${first.pid}`);
  goOn.resolve();
  assert.equal((await first.exited).status, 0);
  assert.deepEqual(readRows(link.copy), readRows(link.source));
});

test("a killed sync leaves no lock behind", async () => {
  await using link = await startLink();
  const asked = Promise.withResolvers<void>();
  link.sender.tamper = ({ resource, url }) => {
    if (resource !== "segments" || url.searchParams.get("start_id") !== "4") return undefined;
    asked.resolve();
    return { raw: () => undefined };
  };
  await using first = startCli(["sync", "-r", link.run.url, "-l", link.archive, "-n", "a", "-s", "3"]);
  await asked.promise;
  first.kill("SIGKILL");
  await first.exited;
  assert.equal(readCursor(link.copy), 3);
  link.sender.tamper = () => undefined;
  assert.equal((await syncWell(link.run)).segments, 7);
});

for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`${signal} ends a sync with ${status}, and what was committed stays`, async () => {
    await using link = await startLink();
    const asked = Promise.withResolvers<void>();
    link.sender.tamper = ({ resource, url }) => {
      if (resource !== "segments" || url.searchParams.get("start_id") !== "4") return undefined;
      asked.resolve();
      return { raw: () => undefined };
    };
    await using first = startCli(["sync", "-r", link.run.url, "-l", link.archive, "-n", "a", "-s", "3"]);
    await asked.promise;
    first.kill(signal);
    const result = await first.exited;
    assert.deepEqual([result.status, result.signal], [status, undefined]);
    assert.doesNotMatch(result.stdout, /segments/, "it does not look done");
    assert.deepEqual([readCursor(link.copy), readIds(link.copy)], [3, [1, 2, 3]]);
  });
}

test("--all brings every sender database home, and none that is a recipient", async () => {
  await using link = await startLink();
  const senderDir = join(link.source, "..");
  await createSenderDatabase(senderDir, { name: "other" });
  await createSenderDatabase(senderDir, { name: "foreign", metadata: { is_recipient: "true" } });
  const result = await runCli(["sync", "-r", link.run.url, "-l", link.archive, "--all", "--json"]);
  assert.equal(result.status, 0, result.stderr);
  const names = result.stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line).name);
  assert.deepEqual(names, ["a", "other"]);
});

test("--quiet prints nothing but errors", async () => {
  await using link = await startLink();
  const result = await runSync({ ...link.run, args: ["--quiet"] });
  assert.deepEqual([result.status, result.stdout, result.stderr], [0, "", ""]);
  const refused = await runSync({ ...link.run, show: "nosuch", args: ["--quiet"] });
  assertRefused(refused, 1, "nosuch");
});

test("--json prints one object a show with what happened to it", async () => {
  await using link = await startLink();
  const report = await syncWell(link.run);
  const bytes = readRows(link.source).reduce((sum, row) => sum + row.audio_data.length * 0.75, 0);
  assert.ok(Math.abs(report.bytes - bytes) <= 2 * 10);
  assert.deepEqual(
    { ...report, bytes: 0 },
    { name: "a", segments: 10, bytes: 0, events: 2, skipped: 0, last_synced_id: 10 },
  );
});

test("a sender behind a path of a proxy is reached", async () => {
  await using link = await startLink();
  link.sender.tamper = async ({ url, ask }) => {
    if (!url.pathname.startsWith("/radio/")) return { json: {}, status: 404 };
    return { json: await (await ask(url.pathname.slice(6) + url.search)).json() };
  };
  await syncWell({ ...link.run, url: `${link.run.url}/radio/` });
  assert.deepEqual(readRows(link.copy), readRows(link.source));
});

test("a recipient whose directory was cleared starts anew", async () => {
  await using link = await startLink();
  await syncWell(link.run);
  rmSync(link.copy);
  assert.equal((await syncWell(link.run)).segments, 10);
});
