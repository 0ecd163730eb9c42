import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { freePort } from "../support/free-port.ts";
import { assertRefused } from "../support/refusal.ts";
import { type CliResult, runCli } from "../support/run-cli.ts";
import { AIR_START_MS, createSenderDatabase, readMetadata, runSql } from "../support/sender-database.ts";
import { type SenderServer, startSender } from "../support/sender-server.ts";
import { snapshot } from "../support/snapshot.ts";
import { tempDir } from "../support/temp-dir.ts";

const SESSIONS = [{ startMs: AIR_START_MS, segments: 5 }];

/** What a test may spoil; each gets copies of its own. */
const dir = tempDir();
const senderDir = join(dir.path, "sender");
const archiveDir = join(dir.path, "archive");
let sender: SenderServer;

before(async () => {
  mkdirSync(senderDir);
  for (const name of ["a", "b"]) await createSenderDatabase(senderDir, { name, sessions: SESSIONS });
  sender = await startSender(senderDir);
  const result = await sync(sender.url, archiveDir, ["a"]);
  assert.equal(result.status, 0, result.stderr);
});

after(async () => {
  await sender[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

function sync(url: string, directory: string, names: readonly string[]): Promise<CliResult> {
  return runCli(["sync", "-r", url, "-l", directory, ...names.flatMap((name) => ["-n", name])]);
}

/** A copy of a directory that is gone after the test. */
function copyOf(source: string): Disposable & { path: string } {
  const copy = tempDir();
  cpSync(source, copy.path, { recursive: true });
  return copy;
}

/** Runs something that has to be refused and to leave a directory as it was, to the byte. */
async function assertLeavesAsItWas(
  directory: string,
  run: () => Promise<CliResult>,
  ...says: (string | RegExp)[]
): Promise<void> {
  const before = snapshot(directory);
  assertRefused(await run(), 1, ...says);
  assert.deepEqual(snapshot(directory), before);
}

describe("sync", () => {
  test("does not put a show beside a file whose name differs in case alone", async () => {
    using own = tempDir();
    cpSync(join(archiveDir, "a.sqlite"), join(own.path, "A.sqlite"));
    await assertLeavesAsItWas(own.path, () => sync(sender.url, own.path, ["a"]), "A.sqlite", "case");
  });

  test("says which directory cannot be made, and ends where none can be made at all", async () => {
    using own = tempDir();
    const file = join(own.path, "file");
    writeFileSync(file, "x");
    for (const path of [file, join(file, "below")]) {
      await assertLeavesAsItWas(
        own.path,
        () => sync(sender.url, path, ["a"]),
        "cannot make the directory",
        file,
      );
    }
    if (existsSync("/proc/self")) {
      const path = "/proc/nosuch/archive";
      assertRefused(await sync(sender.url, path, ["a"]), 1, "cannot make the directory", "/proc/nosuch");
    }
    assertRefused(await runCli(["sync", "-r", sender.url, "-l", "", "-n", "a"]), 2, "--local-dir");
  });

  test("goes to the server that was given, however many slashes end its address", async () => {
    using own = tempDir();
    const result = await sync(`${sender.url}//`, own.path, ["a"]);
    assert.equal(result.status, 0, result.stderr);
    const { stderr } = await sync(`${sender.url}//elsewhere.invalid/`, own.path, ["a"]);
    assert.ok(stderr.includes(`${sender.url}//elsewhere.invalid/api/sync/shows answered 404`), stderr);
  });

  test("does not write into a sender's own database", async () => {
    using own = copyOf(senderDir);
    await assertLeavesAsItWas(
      own.path,
      () => sync(sender.url, own.path, ["a"]),
      "a.sqlite",
      "is_recipient",
      '"false"',
      '"true"',
    );
  });

  const changes = {
    unique_id: ["source_unique_id", "db_zzzzzzzzzzzz"],
    audio_format: ["audio_format", "aac"],
    split_interval: ["split_interval", "300"],
    bitrate: ["bitrate", "48"],
    sample_rate: ["sample_rate", "44100"],
    version: ["version", "2"],
  } as const;
  for (const [senderKey, [key, theirs]] of Object.entries(changes)) {
    for (const hasLock of [true, false]) {
      const kind = hasLock ? "synced before" : "copied from elsewhere";
      test(`refuses a sender whose ${senderKey} is another: a recipient ${kind} stays as it was`, async () => {
        using archive = copyOf(archiveDir);
        if (!hasLock) rmSync(join(archive.path, ".a.lock"));
        const held = readMetadata(join(archive.path, "a.sqlite"))[key] ?? "";
        // The program's own reader would not serve a database of another version, so the answer itself is changed.
        await using other = await startSender(senderDir, {
          tamper: async (request) =>
            request.resource === "metadata"
              ? { json: { ...(await request.json<object>()), [senderKey]: theirs } }
              : undefined,
        });
        await assertLeavesAsItWas(
          archive.path,
          () => sync(other.url, archive.path, ["a"]),
          key,
          `"${held}"`,
          `"${theirs}"`,
        );
      });
    }
  }

  test("refuses a sender whose database was replaced by a new one of the same name", async () => {
    using archive = copyOf(archiveDir);
    using replaced = tempDir();
    const path = await createSenderDatabase(replaced.path, { name: "a", sessions: SESSIONS });
    await using other = await startSender(replaced.path);
    const held = readMetadata(join(archive.path, "a.sqlite"))["source_unique_id"] ?? "";
    const theirs = readMetadata(path)["unique_id"] ?? "";
    await assertLeavesAsItWas(
      archive.path,
      () => sync(other.url, archive.path, ["a"]),
      "source_unique_id",
      held,
      theirs,
    );
  });

  for (const [key, value] of [
    ["audio_format", "flac"],
    ["version", "2"],
    ["bitrate", "much"],
    ["is_recipient", true],
    ["name", "b"],
  ] as const) {
    test(`creates nothing for a sender whose ${key} is ${JSON.stringify(value)}`, async () => {
      using empty = tempDir();
      const archive = join(empty.path, "archive");
      await using other = await startSender(senderDir, {
        tamper: async (request) =>
          request.resource === "metadata"
            ? { json: { ...(await request.json<object>()), [key]: value } }
            : undefined,
      });
      await assertLeavesAsItWas(empty.path, () => sync(other.url, archive, ["a"]), key, String(value));
    });
  }

  test("refuses a show that the sender lacks before it writes any other", async () => {
    using empty = tempDir();
    const archive = join(empty.path, "archive");
    await assertLeavesAsItWas(
      empty.path,
      () => sync(sender.url, archive, ["a", "nosuch"]),
      '"nosuch"',
      '"a", "b"',
    );
    using filled = copyOf(archiveDir);
    await assertLeavesAsItWas(filled.path, () => sync(sender.url, filled.path, ["a", "A1"]), '"A1"');
  });

  test("names the address of a sender that is down and changes nothing", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    using empty = tempDir();
    await assertLeavesAsItWas(empty.path, () => sync(url, join(empty.path, "archive"), ["a"]), url);
    using archive = copyOf(archiveDir);
    await assertLeavesAsItWas(archive.path, () => sync(url, archive.path, ["a"]), url);
  });

  test("names the address of a sender without the password in it", async () => {
    using empty = tempDir();
    const port = await freePort();
    await assertLeavesAsItWas(
      empty.path,
      () => sync(`http://user:secret@127.0.0.1:${port}`, join(empty.path, "archive"), ["a"]),
      `http://127.0.0.1:${port}/`,
      /^(?!.*secret)/,
    );
  });

  test("leaves a file alone that is no SQLite, is empty, or is a database of another program or version", async () => {
    const spoil: Record<string, (path: string) => void> = {
      "is not an SQLite database": (path) => writeFileSync(path, "radio ".repeat(1000)),
      "its tables are missing": (path) => writeFileSync(path, ""),
      "is not a database of this program": (path) => {
        rmSync(path);
        runSql(path, "CREATE TABLE t (a)");
      },
      'version "9"': (path) => runSql(path, "UPDATE metadata SET value = '9' WHERE key = 'version'"),
    };
    for (const [says, work] of Object.entries(spoil)) {
      using archive = copyOf(archiveDir);
      const path = join(archive.path, "a.sqlite");
      work(path);
      await assertLeavesAsItWas(archive.path, () => sync(sender.url, archive.path, ["a"]), path, says);
    }
  });

  test("refuses a recipient whose cursor is no number", async () => {
    using archive = copyOf(archiveDir);
    runSql(join(archive.path, "a.sqlite"), "UPDATE metadata SET value = 'soon' WHERE key = 'last_synced_id'");
    await assertLeavesAsItWas(
      archive.path,
      () => sync(sender.url, archive.path, ["a"]),
      "last_synced_id",
      '"soon"',
    );
  });
});

describe("record", () => {
  function writeConfig(directory: string, show: string): string {
    const config = join(directory, "record.toml");
    writeFileSync(config, `[api]\nport = 0\n[[shows]]\nurl = "http://127.0.0.1:1/"\n${show}\n`);
    return config;
  }

  test("does not record into a recipient", async () => {
    using work = tempDir();
    cpSync(archiveDir, join(work.path, "recordings"), { recursive: true });
    const config = writeConfig(work.path, 'name = "a"\nsplit_interval = 1');
    await assertLeavesAsItWas(
      work.path,
      () => runCli(["record", "-c", config]),
      "Cannot record to a recipient database. This database is configured for syncing only.",
    );
  });

  for (const [key, line, held, configured] of [
    ["audio_format", 'audio_format = "aac"\nbitrate = 16', "opus", "aac"],
    ["split_interval", "split_interval = 300", "1", "300"],
    ["bitrate", "bitrate = 48", "16", "48"],
    ["channels", "channels = 2\nbitrate = 16", "1", "2"],
  ] as const) {
    test(`does not record into a database of another ${key}`, async () => {
      using work = tempDir();
      cpSync(senderDir, join(work.path, "recordings"), { recursive: true });
      const show = `name = "a"\n${line}${key === "split_interval" ? "" : "\nsplit_interval = 1"}`;
      const config = writeConfig(work.path, show);
      await assertLeavesAsItWas(
        work.path,
        () => runCli(["record", "-c", config]),
        key,
        `"${held}"`,
        `"${configured}"`,
      );
    });
  }

  test("does not record into a database of another name or version", async () => {
    using work = tempDir();
    const recordings = join(work.path, "recordings");
    cpSync(senderDir, recordings, { recursive: true });
    const config = writeConfig(work.path, 'name = "a"\nsplit_interval = 1');
    const path = join(recordings, "a.sqlite");
    runSql(path, "UPDATE metadata SET value = 'other' WHERE key = 'name'");
    await assertLeavesAsItWas(work.path, () => runCli(["record", "-c", config]), "name", '"other"', '"a"');
    runSql(path, "UPDATE metadata SET value = '2' WHERE key = 'version'");
    await assertLeavesAsItWas(work.path, () => runCli(["record", "-c", config]), "version", '"2"', '"1"');
  });

  test("does not start a good show while another one's database is refused", async () => {
    using work = tempDir();
    const recordings = join(work.path, "recordings");
    cpSync(archiveDir, recordings, { recursive: true });
    const config = writeConfig(
      work.path,
      'name = "fresh"\n[[shows]]\nurl = "http://127.0.0.1:1/"\nname = "a"\nsplit_interval = 1',
    );
    await assertLeavesAsItWas(work.path, () => runCli(["record", "-c", config]), "recipient database");
    assert.ok(!existsSync(join(recordings, "fresh.sqlite")));
  });
});
