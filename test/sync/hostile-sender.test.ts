import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";

import { toCrc32 } from "../../src/core/segment.ts";
import { assertRefused } from "../support/refusal.ts";
import { type CliResult, runCli } from "../support/run-cli.ts";
import {
  AIR_START_MS,
  createSenderDatabase,
  readCursor,
  readEvents,
  readRows,
  type SegmentRow,
} from "../support/sender-database.ts";
import { type SenderServer, startSender, type Tamper } from "../support/sender-server.ts";
import { runSync, syncHere } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

const dir = tempDir();
const senderDir = join(dir.path, "sender");
const source = join(senderDir, "a.sqlite");
let sender: SenderServer;

before(async () => {
  mkdirSync(senderDir);
  const sessions = [{ startMs: AIR_START_MS, segments: 9 }];
  const events = [1, 2, 3].map((second) => ({
    timestampMs: AIR_START_MS + second * 1000,
    kind: "title",
    data: { title: String(second) },
  }));
  await createSenderDatabase(senderDir, { name: "a", sessions, events });
  sender = await startSender(senderDir, { isJsonOnly: true });
});

after(async () => {
  await sender[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

/** Syncs in chunks of three; what comes for the second chunk is `second`. It has to fail and to keep the first chunk alone. */
async function assertSecondChunkRefused(second: Tamper, ...says: (string | RegExp)[]): Promise<CliResult> {
  using archive = tempDir();
  const run = { url: sender.url, directory: archive.path, show: "a" };
  sender.tamper = async (request) =>
    request.resource === "segments" && request.url.searchParams.get("start_id") === "4"
      ? await second(request)
      : undefined;
  const result = await runSync({ ...run, args: ["-s", "3"] });
  assertRefused(result, 1, ...says);
  const copy = join(archive.path, "a.sqlite");
  assert.deepEqual(readRows(copy), readRows(source).slice(0, 3));
  assert.equal(readCursor(copy), 3);

  sender.tamper = () => undefined;
  const report = await syncHere(run);
  assert.equal(report.segments, 6, "the next run goes on behind the first chunk");
  assert.deepEqual(readRows(copy), readRows(source));
  return result;
}

type Row = Record<string, unknown>;

const withLast = (change: Row) => (rows: SegmentRow[]) => [
  ...rows.slice(0, -1),
  { ...rows.at(-1), ...change },
];

const SPOILED_ROWS: Record<string, (rows: SegmentRow[]) => readonly Row[]> = {
  "an id behind the range": withLast({ id: 10 }),
  "an id before the range": withLast({ id: 3 }),
  "ids that descend": (rows) => rows.toReversed(),
  "an id twice": ([first, second, third]) => [first, second, second, third].map((row) => ({ ...row })),
  "more rows than were asked for": (rows) => [...rows, { ...rows.at(-1), id: 7 }],
  "an id that is a fraction": withLast({ id: 6.5 }),
  "an id that is text": withLast({ id: "6" }),
  "a negative id": withLast({ id: -6 }),
  "an id beyond all integers": withLast({ id: 1e300 }),
  "no id": withLast({ id: undefined }),
  "a wrong CRC": withLast({ crc32: 1 }),
  "a CRC of more than 32 bits": withLast({ crc32: 2 ** 32 }),
  "a CRC that is text": withLast({ crc32: "1" }),
  "a time that is text": withLast({ timestamp_ms: "now" }),
  "no time": withLast({ timestamp_ms: null }),
  "a time that no calendar has": withLast({ timestamp_ms: 9e15 }),
  "a negative length": withLast({ duration_samples: -1 }),
  "a boundary that is neither 0 nor 1": withLast({ is_timestamp_from_source: 2 }),
  "no audio": withLast({ audio_data: undefined }),
  "empty audio": withLast({ audio_data: "", crc32: 0 }),
  "audio that is no base64": withLast({ audio_data: "?".repeat(400), crc32: undefined }),
  "audio that is a number": withLast({ audio_data: 4711 }),
};

describe("rows that may not be stored", () => {
  for (const [name, spoil] of Object.entries(SPOILED_ROWS)) {
    test(`${name}: exit 1, and no row of the chunk is kept`, async () => {
      await assertSecondChunkRefused(async (request) => ({ json: spoil(await request.json()) }));
    });
  }

  test("a flipped bit of the audio is found by its CRC", async () => {
    const spoil = (rows: SegmentRow[]): Row[] =>
      rows.map((row) => {
        const audio = Uint8Array.fromBase64(row.audio_data);
        if (row.id === 5) audio[50] = (audio[50] ?? 0) ^ 1;
        return { ...row, audio_data: audio.toBase64() };
      });
    await assertSecondChunkRefused(
      async (request) => ({ json: spoil(await request.json()) }),
      "segment 5",
      "CRC",
    );
  });

  test("a segment above the size limit is refused, though its CRC is right", async () => {
    const audio = new Uint8Array(64 * 1024 * 1024 + 3);
    const large = { audio_data: audio.toBase64(), crc32: toCrc32(audio) };
    await assertSecondChunkRefused(
      async (request) => {
        const [first, ...others] = await request.json<SegmentRow[]>();
        return { json: [{ ...first, ...large }, ...others] };
      },
      "segment 4",
      String(audio.length),
    );
  });
});

/** Writes an answer by hand. */
const raw = (write: (response: ServerResponse) => void): Tamper => {
  return () => ({ raw: write });
};

describe("answers that cannot be believed", () => {
  const answers: Record<string, [Tamper, ...(string | RegExp)[]]> = {
    "a body that is broken off": [
      async (request) => {
        const text = JSON.stringify(await request.json());
        return {
          raw: (response) => {
            response.writeHead(200, { "Content-Length": text.length });
            response.write(text.slice(0, text.length / 2), () => response.destroy());
          },
        };
      },
      "broke off",
    ],
    "a chunked body that is broken off": [
      async (request) => {
        const text = JSON.stringify(await request.json());
        return { raw: (response) => void response.write(text, () => response.destroy()) };
      },
      "broke off",
    ],
    "a connection that is closed without an answer": [
      raw((response) => response.destroy()),
      "/segments?start_id=4",
    ],
    "a compressed body, even one that does not end": [
      async (request) => {
        const body = gzipSync(JSON.stringify(await request.json()));
        return { raw: (response) => response.writeHead(200, { "Content-Encoding": "gzip" }).write(body) };
      },
      "compressed (gzip)",
    ],
    "a redirect": [
      (request) => ({
        json: {},
        status: 302,
        headers: { Location: `${sender.url}${request.url.pathname}?start_id=5&end_id=9&limit=3` },
      }),
      "302",
    ],
    "an internal error": [() => ({ json: { detail: "it is on fire" }, status: 500 }), "500", "it is on fire"],
    "a 404 for the segments": [() => ({ json: {}, status: 404 }), "404"],
    "no JSON": [raw((response) => response.end("<html>")), "no JSON"],
    "an object instead of a list": [() => ({ json: { rows: [] } }), "no JSON array"],
    "bytes that are no text": [raw((response) => response.end(Uint8Array.of(0xff, 0xfe, 0))), "no JSON"],
    "control characters that would move the cursor": [
      () => ({ json: { detail: "\u001b[2Jgone\u0007" }, status: 500 }),
      /^[\x20-\x7e]*\n$/,
    ],
  };
  for (const [name, [tamper, ...says]] of Object.entries(answers)) {
    test(`${name}: exit 1 with the address, and the next run goes on`, async () => {
      await assertSecondChunkRefused(tamper, `${sender.url}/api/sync/shows/a/segments?start_id=4`, ...says);
    });
  }

  test("millions of empty lists are refused before they are parsed", async () => {
    using archive = tempDir();
    sender.tamper = ({ resource }) =>
      resource === "segments"
        ? { raw: (response) => void response.end(`[{"id":[${"[],".repeat(600_000)}[]]}]`) }
        : undefined;
    const refused = await runSync({ url: sender.url, directory: archive.path, show: "a" });
    assertRefused(refused, 1, "too many values");
  });

  test("a redirect is not followed anywhere, so that the token stays where it belongs", async () => {
    using archive = tempDir();
    const before = sender.requests.length;
    sender.tamper = ({ url }) =>
      url.pathname === "/api/sync/shows"
        ? { json: {}, status: 307, headers: { Location: `${sender.url}/elsewhere` } }
        : undefined;
    assertRefused(
      await runSync({ url: sender.url, directory: archive.path, show: "a" }),
      1,
      "307",
      "redirects",
    );
    assert.deepEqual(sender.requests.slice(before), ["/api/sync/shows"]);
  });
});

describe("events that cannot be believed", () => {
  const event = { id: 2, timestamp_ms: AIR_START_MS, kind: "title", data: { title: "x" } };
  const lists: Record<string, readonly unknown[]> = {
    "an event that came before": [{ ...event, id: 0 }],
    "ids that descend": [event, { ...event, id: 1 }],
    "an event twice": [event, event],
    "data that is no object": [{ ...event, data: "x" }],
    "data without end": [{ ...event, data: { title: "x".repeat(100_000) } }],
    "a time that is no number": [{ ...event, timestamp_ms: "x" }],
    "a time that no calendar has": [{ ...event, timestamp_ms: 9e15 }],
  };
  for (const [name, list] of Object.entries(lists)) {
    test(`${name}: exit 1, the segments stay and no event of the answer is kept`, async () => {
      using archive = tempDir();
      const run = { url: sender.url, directory: archive.path, show: "a" };
      sender.tamper = ({ resource }) => (resource === "events" ? { json: list } : undefined);
      assertRefused(await runSync(run), 1, "event");
      const copy = join(archive.path, "a.sqlite");
      assert.deepEqual(readRows(copy), readRows(source));
      assert.deepEqual(readEvents(copy), []);
      sender.tamper = () => undefined;
      assert.equal((await syncHere(run)).events, 3);
    });
  }
});

describe("names of shows that come from the sender", () => {
  const lists: Record<string, readonly string[]> = {
    "../../x": ["../../x"],
    "a path": ["a/b"],
    "an absolute path": ["/etc/passwd"],
    "a hidden file": [".lock"],
    nothing: [""],
    "4 KB": ["x".repeat(4096)],
    "control characters": ["a\n\u001b[31mb"],
    "a NUL": ["a\0b"],
    "other scripts": ["ａ"],
    "twins in case": ["radio", "Radio"],
    "a reserved name": ["API"],
  };
  for (const [name, names] of Object.entries(lists)) {
    test(`${name}: --all refuses and creates nothing`, async () => {
      using empty = tempDir();
      sender.tamper = async ({ url, ask }) => {
        if (url.pathname === "/api/sync/shows")
          return { json: { shows: names.map((each) => ({ name: each })) } };
        const truth: Row = JSON.parse(await (await ask("/api/sync/shows/a/metadata")).text());
        return { json: { ...truth, name: decodeURIComponent(url.pathname.split("/")[4] ?? "") } };
      };
      const archive = join(empty.path, "deep", "archive");
      assertRefused(await runCli(["sync", "-r", sender.url, "-l", archive, "--all"]), 1);
      assert.deepEqual(readdirSync(empty.path), []);
    });
  }

  test("a hostile name does no harm where another show is wanted", async () => {
    using archive = tempDir();
    sender.tamper = ({ url }) =>
      url.pathname === "/api/sync/shows"
        ? { json: { shows: [{ name: "../../x" }, { name: "a" }, { name: "x".repeat(100_000) }] } }
        : undefined;
    await syncHere({ url: sender.url, directory: archive.path, show: "a" });
    assert.deepEqual(readdirSync(archive.path).sort(), [".a.lock", "a.sqlite"]);
    assertRefused(await runSync({ url: sender.url, directory: archive.path, show: "b" }), 1, '"b"');
  });

  test("a name that is given on the command line has to be one", async () => {
    using empty = tempDir();
    sender.tamper = () => undefined;
    const archive = join(empty.path, "archive");
    for (const show of ["../a", "", "a/b", "x".repeat(65)]) {
      assertRefused(await runSync({ url: sender.url, directory: archive, show }), 2, "show name");
    }
    assert.deepEqual(readdirSync(empty.path), []);
  });
});

describe("metadata that cannot be believed", () => {
  const changes: Record<string, Row> = {
    "no unique_id": { unique_id: undefined },
    "an empty unique_id": { unique_id: "" },
    "a bitrate that is a number": { bitrate: 16 },
    "an is_recipient that is text": { is_recipient: "false" },
    "a max_id that is no integer": { max_id: 1.5 },
    "a negative max_id": { max_id: -1 },
    "a min_id above the max_id": { min_id: 10 },
    "a last_id below the max_id": { last_id: 3 },
    "4 KB of time zone": { timezone: "x".repeat(4096) },
  };
  for (const [name, change] of Object.entries(changes)) {
    test(`${name}: exit 1, and nothing is created`, async () => {
      using empty = tempDir();
      sender.tamper = async (request) =>
        request.resource === "metadata" ? { json: { ...(await request.json<Row>()), ...change } } : undefined;
      const archive = join(empty.path, "archive");
      assertRefused(
        await runSync({ url: sender.url, directory: archive, show: "a" }),
        1,
        Object.keys(change)[0] ?? "",
      );
      assert.deepEqual(readdirSync(empty.path), []);
    });
  }
});
