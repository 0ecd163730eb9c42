import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { toCrc32 } from "../../src/core/segment.ts";
import { createRandom } from "../support/random.ts";
import {
  AIR_START_MS,
  createSenderDatabase,
  inDatabase,
  readCursor,
  readRows,
} from "../support/sender-database.ts";
import { type SenderOptions, startSender } from "../support/sender-server.ts";
import { startSlowLine } from "../support/slow-line.ts";
import { runSync } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

/** 128 kbit/s. */
const BYTES_PER_SECOND = 16_000;

/** A row is ten seconds of 16 kbit/s. */
const ROWS = 6;
const ROW_BYTES = 20_000;
const CUT_MS = { min: 3500, max: 5500 };

/** The whole is less than one chunk, which this line never carries at once. */
const CHUNK_SIZE = "100";

/** With one row a run. */
const RUNS_MAX = ROWS;

function addRows(path: string): void {
  const { random } = createRandom(7);
  inDatabase(path, (database) => {
    const insert = database.prepare(
      "INSERT INTO segments (timestamp_ms, is_timestamp_from_source, duration_samples, crc32, audio_data) VALUES (?, ?, 480000, ?, ?)",
    );
    for (let row = 0; row < ROWS; row++) {
      const audio = Uint8Array.from({ length: ROW_BYTES }, () => random() * 256);
      insert.run(AIR_START_MS + row * 10_000, row === 0 ? 1 : 0, toCrc32(audio), audio);
    }
  });
}

async function pullOverSlowLine(options: SenderOptions): Promise<number> {
  const { random, seed } = createRandom();
  using dir = tempDir();
  mkdirSync(join(dir.path, "sender"));
  const source = await createSenderDatabase(join(dir.path, "sender"), { name: "a" });
  addRows(source);
  await using sender = await startSender(join(dir.path, "sender"), options);
  await using line = await startSlowLine(Number(new URL(sender.url).port), {
    bytesPerSecond: BYTES_PER_SECOND,
    nextCutMs: () => CUT_MS.min + random() * (CUT_MS.max - CUT_MS.min),
  });
  const run = { url: `http://127.0.0.1:${line.port}`, directory: join(dir.path, "archive"), show: "a" };
  const copy = join(run.directory, "a.sqlite");
  for (let runs = 1; ; runs++) {
    const before = existsSync(copy) ? readCursor(copy) : 0;
    const { status, stderr } = await runSync({ ...run, args: ["-s", CHUNK_SIZE] });
    if (status === 0) {
      assert.deepEqual(readRows(copy), readRows(source));
      return runs;
    }
    assert.match(stderr, /broke off|hang up|ECONNRESET/, `SEED=${seed}`);
    // A cut may come right after the start; two in a row that bring nothing would be no progress.
    const { status: next } = await runSync({ ...run, args: ["-s", CHUNK_SIZE] });
    if (next !== 0)
      assert.ok(readCursor(copy) > before, `SEED=${seed}: two runs brought nothing from ${before} on`);
    runs++;
    assert.ok(runs <= RUNS_MAX, `SEED=${seed}: ${runs} runs, at ${readCursor(copy)}`);
  }
}

describe("over a line of 128 kbit/s that is cut every few seconds", { concurrency: true }, () => {
  test("every run of a sync makes progress", async (context) => {
    context.diagnostic(`${await pullOverSlowLine({})} runs`);
  });

  test("a sender that knows JSON alone is pulled too", async (context) => {
    context.diagnostic(`${await pullOverSlowLine({ isJsonOnly: true })} runs`);
  });
});
