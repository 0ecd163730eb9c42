import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { createRandom } from "../support/random.ts";
import { startCli } from "../support/run-cli.ts";
import {
  AIR_START_MS,
  createSenderDatabase,
  enlargeAudio,
  inDatabase,
  readCursor,
  readEvents,
  readRows,
} from "../support/sender-database.ts";
import { startSender } from "../support/sender-server.ts";
import { syncHere } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

const SESSIONS = Array.from({ length: 6 }, (_, index) => ({
  startMs: AIR_START_MS + index * 120_000,
  segments: 60,
}));

/** Three megabytes in all: what comes after the first is written by a thread of its own. */
const SEGMENT_BYTES = 8192;

/** Rows of one chunk; odd, so that chunks and sessions do not meet. */
const CHUNK_SIZE = "7";

/** A run that is not killed before its last request would end by itself, and then the next begins a new recipient. */
const REQUESTS_MAX = 5;

/** A kill falls into a stream of which chunk after chunk is committed. */
const DELAY_MAX_MS = 150;

/** Random moments, or any number of them: what the recipient has in the end is what the sender has, and none of it was fetched twice. */
export function testKilledSync({ kills }: { kills: number }): void {
  test(`a sync killed at ${kills} random moments, with rows trimmed in between, ends with the same rows and fetches none twice`, async (context) => {
    const { random, seed } = createRandom();
    context.diagnostic(`SEED=${seed}`);
    using dir = tempDir();
    const senderDir = join(dir.path, "sender");
    mkdirSync(senderDir);
    const events = Array.from({ length: 700 }, (_, index) => ({
      timestampMs: AIR_START_MS + index * 1000,
      kind: "title",
      data: { title: String(index) },
    }));
    const source = await createSenderDatabase(senderDir, { name: "a", sessions: SESSIONS, events });
    enlargeAudio(source, SEGMENT_BYTES);
    await using sender = await startSender(senderDir);

    let recipients = 0;
    let archive = "";
    let trimmed = new Set<number>();
    const startRecipient = (): void => {
      recipients++;
      archive = join(dir.path, `archive-${recipients}`);
      trimmed = new Set();
    };
    const copy = (): string => join(archive, "a.sqlite");
    const run = (): { url: string; directory: string; show: string } => ({
      url: sender.url,
      directory: archive,
      show: "a",
    });

    async function finish(): Promise<void> {
      const cursor = existsSync(copy()) ? readCursor(copy()) : 0;
      const asked = sender.segmentRequests().length;
      await syncHere(run());
      assert.ok(
        sender
          .segmentRequests()
          .slice(asked)
          .every((request) => request.startId > cursor),
        `SEED=${seed}: what was committed is not fetched again`,
      );
      const expected = readRows(source).filter((row) => !trimmed.has(row.id));
      assert.deepEqual(readRows(copy()), expected, `SEED=${seed}`);
      const titles = readEvents(copy());
      assert.deepEqual(
        titles.map((event) => event.source_id),
        events.map((_, index) => index + 1),
        `SEED=${seed}`,
      );
    }

    startRecipient();
    for (let kill = 0; kill < kills; kill++) {
      const cursor = existsSync(copy()) ? readCursor(copy()) : 0;
      const asked = sender.segmentRequests().length;
      const isOver = await killOneSync();
      const requests = sender.segmentRequests().slice(asked);
      const startIds = requests.map((request) => request.startId);
      assert.ok(
        startIds.every((startId) => startId > cursor),
        `SEED=${seed}: asked for ${startIds.join()} at ${cursor}`,
      );
      assert.equal(new Set(startIds).size, startIds.length, `SEED=${seed}: asked for ${startIds.join()}`);
      if (isOver) {
        await finish();
        startRecipient();
      } else if (random() < 0.5) trim();
    }
    await finish();
    context.diagnostic(`${recipients} recipients were filled`);

    /** Kills a sync some time after one of its requests; returns whether it was done before. */
    async function killOneSync(): Promise<boolean> {
      const { promise: reached, resolve } = Promise.withResolvers<void>();
      let left = Math.floor(random() * REQUESTS_MAX);
      sender.tamper = () => {
        if (left-- === 0) resolve();
        return undefined;
      };
      await using cli = startCli([
        "sync",
        "-r",
        sender.url,
        "-l",
        archive,
        "-n",
        "a",
        "-s",
        CHUNK_SIZE,
        "--quiet",
      ]);
      await Promise.race([reached, cli.exited]);
      await delay(random() * DELAY_MAX_MS);
      cli.kill("SIGKILL");
      const result = await cli.exited;
      sender.tamper = () => undefined;
      assert.ok(result.status === 0 || result.signal === "SIGKILL", `SEED=${seed}: ${result.stderr}`);
      return result.status === 0;
    }

    /** Takes rows away as their owner may: single ones, the header row, the newest, or all. */
    function trim(): void {
      if (!existsSync(copy())) return;
      const kind = Math.floor(random() * 4);
      const pivot = Math.floor(random() * 360);
      inDatabase(copy(), (database) => {
        const conditions = [
          `id % 11 = ${pivot % 11}`,
          "id = 1",
          "id = (SELECT max(id) FROM segments)",
          "true",
        ];
        const ids = database.prepare(`DELETE FROM segments WHERE ${conditions[kind]} RETURNING id`).all();
        for (const row of ids) trimmed.add(Number(row["id"]));
      });
    }
  });
}
