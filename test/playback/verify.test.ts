import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  openSync,
  mkdirSync,
  rmSync,
  writeFileSync,
  writeSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { parseOggPage } from "../../src/audio/ogg-page.ts";
import { toCrc32 } from "../../src/core/segment.ts";
import { SqliteShowReader } from "../../src/store/sqlite-show-reader.ts";
import { compareDigests } from "../../src/sync/compare-digests.ts";
import { SenderClient } from "../../src/sync/sender-client.ts";
import { createHttpTransport } from "../../src/sync/transport.ts";
import { assertRefused } from "../support/refusal.ts";
import { type CliResult, runCli } from "../support/run-cli.ts";
import {
  AIR_START_MS,
  createSenderDatabase,
  inDatabase,
  readRows,
  runSql,
} from "../support/sender-database.ts";
import { type SenderServer, startSender } from "../support/sender-server.ts";
import { snapshot } from "../support/snapshot.ts";
import { syncHere } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

const SESSIONS = [
  { startMs: AIR_START_MS, segments: 8 },
  { startMs: AIR_START_MS + 60_000, segments: 6 },
];

async function createShow(directory: string, name = "a"): Promise<string> {
  return await createSenderDatabase(directory, { name, sessions: SESSIONS });
}

/** Changes the audio of a row, and the CRC with it unless told otherwise. */
function changeAudio(
  path: string,
  id: number,
  change: (audio: Uint8Array) => Uint8Array,
  keepCrc = false,
): void {
  const row = readRows(path).find((each) => each.id === id);
  assert.ok(row);
  const audio = change(Uint8Array.fromBase64(row.audio_data));
  const crc32 = keepCrc ? row.crc32 : toCrc32(audio);
  inDatabase(path, (database) => {
    database.prepare("UPDATE segments SET audio_data = ?, crc32 = ? WHERE id = ?").run(audio, crc32, id);
  });
}

function flipBit(audio: Uint8Array): Uint8Array {
  const index = Math.floor(audio.length / 2);
  audio[index] = (audio[index] ?? 0) ^ 0x10;
  return audio;
}

function dropSecondPage(audio: Uint8Array): Uint8Array {
  const first = parseOggPage(audio, 0);
  assert.ok(first);
  const second = parseOggPage(audio, first.pageBytes);
  assert.ok(second, "a segment has two pages");
  return Uint8Array.from([
    ...audio.subarray(0, first.pageBytes),
    ...audio.subarray(first.pageBytes + second.pageBytes),
  ]);
}

function assertDamaged(result: CliResult, name: string, ...says: (string | RegExp)[]): void {
  assertRefused(result, 1, name);
  for (const part of says) {
    if (typeof part === "string") assert.ok(result.stdout.includes(part), `${part} in:\n${result.stdout}`);
    else assert.match(result.stdout, part);
  }
}

test("a good database passes, is summed up, and its directory is left as it was", async () => {
  using dir = tempDir();
  await createShow(dir.path, "a");
  await createShow(dir.path, "b");
  await createSenderDatabase(dir.path, { name: "empty" });
  const before = snapshot(dir.path);
  const result = await runCli(["verify", dir.path]);
  assert.equal(result.status, 0, result.stdout + result.stderr);
  assert.match(result.stdout, /^a: 14 segments, 0 h 0 min 14 s of sound in 2 runs: all good\nb: 14 segments/);
  assert.match(result.stdout, /\nempty: 0 segments/);
  assert.deepEqual(snapshot(dir.path), before);
});

describe("damage", () => {
  const damages: Record<string, [(path: string) => void, ...(string | RegExp)[]]> = {
    "a flipped bit of audio_data": [(path) => changeAudio(path, 3, flipBit, true), "segment 3", "CRC"],
    "a flipped bit of the CRC": [
      (path) => runSql(path, "UPDATE segments SET crc32 = (crc32 | 64) - (crc32 & 64) WHERE id = 5"),
      "segment 5",
      "CRC",
    ],
    "a flipped bit under a CRC that was made anew": [(path) => changeAudio(path, 3, flipBit), "segment 3"],
    "a page that is missing inside a segment": [
      (path) => changeAudio(path, 4, dropSecondPage),
      "segment 4",
      /page \d+ follows page \d+|duration_samples/,
    ],
    "half a page": [
      (path) => changeAudio(path, 4, (audio) => audio.subarray(0, audio.length - 20)),
      "segment 4",
      "no whole Ogg page",
    ],
    "a length that is wrong": [
      (path) => runSql(path, "UPDATE segments SET duration_samples = duration_samples + 960 WHERE id = 6"),
      "segment 6",
      "duration_samples",
    ],
    "two segments that changed places": [
      (path) => {
        const rows = readRows(path);
        const [a, b] = [3, 4].map((id) =>
          Uint8Array.fromBase64(rows.find((row) => row.id === id)?.audio_data ?? ""),
        );
        assert.ok(a && b);
        changeAudio(path, 3, () => b);
        changeAudio(path, 4, () => a);
      },
      "segment 3",
      "segment 4",
    ],
    "a session that has lost its header, though no row is missing": [
      (path) => {
        const rows = readRows(path);
        const other = Uint8Array.fromBase64(rows.find((row) => row.id === 2)?.audio_data ?? "");
        changeAudio(path, 9, () => other);
      },
      "segment 9",
    ],
    "empty audio": [(path) => changeAudio(path, 3, () => new Uint8Array(0)), "segment 3"],
  };
  for (const [name, [damage, ...says]] of Object.entries(damages)) {
    test(`${name} is found, and the other shows are called good`, async () => {
      using dir = tempDir();
      damage(await createShow(dir.path, "bad"));
      await createShow(dir.path, "good");
      const result = await runCli(["verify", dir.path]);
      assertDamaged(result, "bad", /^bad: 14 segments.*faults?$/m, /^good: .*all good$/m, ...says);
    });
  }

  test("a file whose first bytes are gone, or whose pages are, is damage and does not hide the others", async () => {
    using dir = tempDir();
    const headless = await createShow(dir.path, "headless");
    const holed = await createShow(dir.path, "holed");
    await createShow(dir.path, "well");
    overwrite(headless, 0, 100);
    overwrite(holed, 3 * 4096, 5 * 4096);
    const result = await runCli(["verify", dir.path]);
    assertDamaged(result, "headless", /^headless: .*not an SQLite database/m, /^well: .*all good$/m);
    assert.match(result.stderr, /holed/);
  });
});

function overwrite(path: string, offset: number, length: number): void {
  const file = openSync(path, "r+");
  writeSync(file, new Uint8Array(length).fill(0x55), 0, length, offset);
  closeSync(file);
}

describe("rows that were trimmed", () => {
  for (const [name, condition, trimmed] of [
    ["inside a session", "id IN (4, 5, 7)", 3],
    ["a header row between two sessions", "id = 9", 1],
    ["the end of one session and the start of the next", "id IN (8, 9, 10)", 3],
  ] as const) {
    test(`${name} are counted as trimmed, and are no damage`, async () => {
      using dir = tempDir();
      const path = await createShow(dir.path);
      runSql(path, `DELETE FROM segments WHERE ${condition}`);
      const result = await runCli(["verify", path]);
      assert.equal(result.status, 0, result.stdout + result.stderr);
      assert.match(
        result.stdout,
        new RegExp(`^a: ${14 - trimmed} segments, ${trimmed} trimmed, .*all good\n$`),
      );
    });
  }

  test("the first header row, the newest row and all rows are no damage", async () => {
    using dir = tempDir();
    const path = await createShow(dir.path);
    for (const condition of ["id = 1", "id = 14", "true"]) {
      runSql(path, `DELETE FROM segments WHERE ${condition}`);
      const result = await runCli(["verify", path]);
      assert.equal(result.status, 0, result.stdout + result.stderr);
    }
  });

  test("damage in a session whose header row was trimmed is found all the same", async () => {
    using dir = tempDir();
    const path = await createShow(dir.path);
    runSql(path, "DELETE FROM segments WHERE id = 1");
    changeAudio(path, 4, flipBit);
    assertDamaged(await runCli(["verify", path]), "a", "segment 4");
  });
});

type Copied = AsyncDisposable & { source: string; sender: SenderServer; archive: string };

/** A sender with a show, and a directory with a recipient of it. */
async function startCopied(directory: string): Promise<Copied> {
  const senderDir = join(directory, "sender");
  const archive = join(directory, "archive");
  mkdirSync(senderDir);
  const source = await createShow(senderDir);
  const sender = await startSender(senderDir);
  await syncHere({ url: sender.url, directory: archive, show: "a" });
  return { source, sender, archive, [Symbol.asyncDispose]: () => sender[Symbol.asyncDispose]() };
}

describe("--remote", () => {
  test("finds a segment that differs from the sender's, and what only one side has is no difference", async () => {
    using dir = tempDir();
    await using copied = await startCopied(dir.path);
    const { source, sender, archive } = copied;
    runSql(source, "DELETE FROM segments WHERE id < 3");
    runSql(join(archive, "a.sqlite"), "DELETE FROM segments WHERE id = 5");
    const same = await runCli(["verify", archive, "--remote", sender.url]);
    assert.equal(same.status, 0, same.stdout + same.stderr);
    assert.match(same.stdout, /a: 11 segments compared with the sender, 0 differ/);

    changeAudio(source, 7, flipBit);
    runSql(source, "UPDATE segments SET duration_samples = 1 WHERE id = 9");
    const result = await runCli(["verify", archive, "--remote", sender.url]);
    assertDamaged(result, "a", "all good", "2 differ", /segment 7: differs/, /segment 9: differs/);
    assert.ok(
      !sender.requests.some((request) => request.includes("/segments?") && request.includes("start_id=7")),
    );
  });

  test("damaged segments of a copy are fetched again, as long as the sender has them", async () => {
    using dir = tempDir();
    await using copied = await startCopied(dir.path);
    const { source, sender, archive } = copied;
    const copy = join(archive, "a.sqlite");
    changeAudio(copy, 4, flipBit, true);
    runSql(copy, "UPDATE segments SET crc32 = 1 WHERE id = 11");
    assertDamaged(await runCli(["verify", copy]), "a", /segment 4: its CRC/, /segment 11: its CRC/);
    for (const path of [archive, copy]) {
      const mended = await runCli(["verify", path, "--remote", sender.url]);
      assert.equal(mended.status, 0, mended.stdout + mended.stderr);
      assert.equal(/segment 4: fetched again from the sender/.test(mended.stdout), path === archive);
    }
    assert.deepEqual(readRows(copy), readRows(source));

    changeAudio(copy, 2, flipBit, true);
    changeAudio(copy, 6, flipBit, true);
    runSql(source, "DELETE FROM segments WHERE id < 3");
    const result = await runCli(["verify", archive, "--remote", sender.url]);
    assertDamaged(result, "a", /segment 2: the sender does not have it/, /segment 6: fetched again/);
    assert.deepEqual(readRows(copy).slice(2), readRows(source));
  });

  test("a damaged segment stays as it is where the sender has another under its id", async () => {
    using dir = tempDir();
    await using copied = await startCopied(dir.path);
    const { source, sender, archive } = copied;
    const copy = join(archive, "a.sqlite");
    for (const id of [4, 7, 14]) changeAudio(copy, id, flipBit, true);
    const before = readRows(copy);
    runSql(source, "UPDATE segments SET timestamp_ms = timestamp_ms + 3600000 WHERE id IN (4, 14)");
    changeAudio(source, 4, flipBit);
    changeAudio(source, 7, flipBit, true);
    const result = await runCli(["verify", archive, "--remote", sender.url]);
    assertDamaged(result, "a", /segment 4: the sender has another/, /segment 7: .* was damaged on its way/);
    const rows = readRows(copy);
    assert.deepEqual(rows.slice(0, 13), before.slice(0, 13), "those two stay");
    assert.equal(rows[13]?.audio_data, readRows(source)[13]?.audio_data, "what has the right CRC is taken");

    runSql(
      source,
      "DELETE FROM segments WHERE id > 10; UPDATE sqlite_sequence SET seq = 10 WHERE name = 'segments'",
    );
    const behind = await runCli(["verify", archive, "--remote", sender.url]);
    assertDamaged(behind, "a", /not mended: .*only ever had 10/);
  });

  test("damage of a sender's own database is told and left as it is", async () => {
    using dir = tempDir();
    const path = await createShow(dir.path);
    await using sender = await startSender(dir.path);
    changeAudio(path, 4, flipBit, true);
    const before = snapshot(dir.path);
    assertDamaged(await runCli(["verify", path, "--remote", sender.url]), "a", /segment 4: its CRC/);
    assert.deepEqual(snapshot(dir.path), before);
  });

  test("says so when the sender is down, has no digests or lacks the show", async () => {
    using dir = tempDir();
    const path = await createShow(dir.path);
    await using sender = await startSender(dir.path, {
      tamper: ({ resource }) => (resource === "digests" ? { json: {}, status: 404 } : undefined),
    });
    assertRefused(await runCli(["verify", path, "--remote", sender.url]), 1, "digests");
    const { url } = sender;
    await sender[Symbol.asyncDispose]();
    assertRefused(await runCli(["verify", path, "--remote", url]), 1, url);
  });

  test("refuses to compare with another show of the same name", async () => {
    using dir = tempDir();
    const senderDir = join(dir.path, "sender");
    mkdirSync(senderDir);
    await createSenderDatabase(senderDir, { name: "a" });
    const path = await createShow(dir.path);
    await using sender = await startSender(senderDir);
    const result = await runCli(["verify", path, "--remote", sender.url]);
    assert.equal(result.status, 1);
    assert.match(result.stdout, /it comes from "db_\w+", the sender has "db_\w+": another show/);
  });

  test("a link to nowhere is damage, and the others are checked all the same", async () => {
    using dir = tempDir();
    await createShow(dir.path);
    symlinkSync(join(dir.path, "nowhere"), join(dir.path, "0.sqlite"));
    const result = await runCli(["verify", dir.path]);
    assert.equal(result.status, 1);
    assert.match(result.stdout, /0: .*does not exist/);
    assert.match(result.stdout, /a: .*all good/);
  });

  test("compares a copy that was trimmed to a few rows of a long show", async () => {
    using dir = tempDir();
    const directories = ["sender", "archive"].map((name) => join(dir.path, name));
    for (const directory of directories) {
      mkdirSync(directory);
      const path = await createSenderDatabase(directory, {
        name: "a",
        metadata: { unique_id: "db_a00000000000" },
      });
      runSql(
        path,
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000)
         INSERT INTO segments (timestamp_ms, duration_samples, crc32, audio_data) SELECT i, 1, i, x'00' FROM n`,
      );
    }
    const [senderDir = "", archive = ""] = directories;
    const copy = join(archive, "a.sqlite");
    runSql(
      copy,
      "DELETE FROM segments WHERE id NOT IN (1, 12000, 24000); UPDATE segments SET crc32 = 0 WHERE id = 24000",
    );
    await using sender = await startSender(senderDir);
    await using reader = new SqliteShowReader(copy);
    const client = new SenderClient(sender.url, createHttpTransport(new URL(sender.url), undefined));
    const comparison = await compareDigests("a", { reader, client }, AbortSignal.timeout(10_000));
    assert.deepEqual(comparison, { compared: 3, differing: [24_000] });
  });
});

test("a directory without databases and a path that does not exist are errors", async () => {
  using dir = tempDir();
  assertRefused(await runCli(["verify", dir.path]), 1, dir.path);
  assertRefused(await runCli(["verify", join(dir.path, "nosuch")]), 1, join(dir.path, "nosuch"));
  writeFileSync(join(dir.path, "note.txt"), "x");
  assertRefused(await runCli(["verify", dir.path]), 1, dir.path);
  rmSync(join(dir.path, "note.txt"));
});

test(
  "a database in a directory that cannot be written is read all the same",
  { skip: process.getuid?.() !== 0 },
  async () => {
    using dir = tempDir();
    const path = await createShow(dir.path);
    // Somebody who is not its owner looks at it: "nobody" of every Linux.
    chmodSync(path, 0o444);
    chmodSync(dir.path, 0o555);
    const script = `
    process.setgid(65534); process.setuid(65534);
    const { SqliteShowReader } = await import(process.argv[1]);
    await using reader = new SqliteShowReader(process.argv[2]);
    console.log((await reader.bounds()).maxId);`;
    const store = new URL("../../src/store/sqlite-show-reader.ts", import.meta.url).href;
    const result = spawnSync(process.execPath, ["--input-type=module", "-e", script, store, path], {
      encoding: "utf8",
    });
    assert.equal(result.stdout, "14\n", result.stderr);
  },
);
