import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Timeline } from "../../src/playback/api-answers.ts";
import { readShowSummary, readTimeline } from "../../src/playback/timeline.ts";
import { SqliteShowReader } from "../../src/store/sqlite-show-reader.ts";
import { AIR_START_MS, createSenderDatabase, runSql } from "../support/sender-database.ts";
import { tempDir } from "../support/temp-dir.ts";

/** The timeline of a show whose events were written with these statements; times count from the start of the air. */
async function read(sql: string, range: { fromMs: number; toMs: number }): Promise<Timeline> {
  using dir = tempDir();
  const path = await createSenderDatabase(dir.path, { name: "a" });
  runSql(path, sql);
  await using reader = new SqliteShowReader(path);
  const { fromMs, toMs } = range;
  return await readTimeline(reader, { fromMs: AIR_START_MS + fromMs, toMs: AIR_START_MS + toMs });
}

function toGapSql(startMs: number, endMs: unknown): string {
  const data = JSON.stringify({ start_ms: AIR_START_MS + startMs, end_ms: endMs, reason: "stalled" });
  return `INSERT INTO events (timestamp_ms, kind, data) VALUES (${AIR_START_MS + startMs}, 'gap', '${data}');`;
}

/** A title each millisecond, among events that no timeline shows. */
const FLOOD = `
  WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 24999)
  INSERT INTO events (timestamp_ms, kind, data) SELECT ${AIR_START_MS} + i, 'title', '{"title":"x"}' FROM n;
  WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 24999)
  INSERT INTO events (timestamp_ms, kind, data) SELECT ${AIR_START_MS} + i, 'start', '{}' FROM n;`;

describe("gaps in a stretch of time", () => {
  test("a gap that began before it and reaches into it belongs to it, one that ended before does not", async () => {
    const sql = toGapSql(0, AIR_START_MS + 500) + toGapSql(1000, AIR_START_MS + 9000);
    const { gaps } = await read(sql, { fromMs: 500, toMs: 2000 });
    assert.deepEqual(
      gaps.map((gap) => gap.start_ms - AIR_START_MS),
      [1000],
    );
    const inside = await read(sql, { fromMs: 2000, toMs: 3000 });
    assert.deepEqual(
      inside.gaps.map((gap) => gap.end_ms - AIR_START_MS),
      [9000],
    );
  });

  test("an end that is no moment is none", async () => {
    for (const end of ["9", null, 1e17]) {
      const { gaps } = await read(toGapSql(1000, end), { fromMs: 0, toMs: 2000 });
      assert.equal(gaps[0]?.end_ms, AIR_START_MS + 1000, String(end));
    }
    assert.deepEqual((await read(toGapSql(0, "9"), { fromMs: 1, toMs: 2 })).gaps, []);
  });
});

describe("more titles than fit an answer", () => {
  test("a flood of titles hides no gap", async () => {
    const { gaps, titles } = await read(FLOOD + toGapSql(5, AIR_START_MS + 9), { fromMs: 0, toMs: 30_000 });
    assert.deepEqual([gaps.length, titles.length], [1, 10_000]);
  });

  test("the answer says up to when it is complete, and going on from there misses and doubles nothing", async () => {
    const starts: number[] = [];
    for (let fromMs = 0; fromMs < 30_000;) {
      const page = await read(FLOOD, { fromMs, toMs: 30_000 });
      starts.push(...page.titles.map((title) => title.timestamp_ms - AIR_START_MS));
      fromMs = page.complete_to_ms - AIR_START_MS;
    }
    assert.deepEqual(
      starts,
      Array.from({ length: 25_000 }, (_, index) => index),
    );
  });

  test("a moment with too many of them is passed by", async () => {
    const page = await read(FLOOD + `UPDATE events SET timestamp_ms = ${AIR_START_MS}`, {
      fromMs: 0,
      toMs: 30_000,
    });
    assert.deepEqual([page.titles.length, page.complete_to_ms - AIR_START_MS], [10_000, 1]);
  });
});

test("a show of very many sessions has a first and a last moment", async () => {
  using dir = tempDir();
  const path = await createSenderDatabase(dir.path, { name: "a" });
  runSql(
    path,
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199999)
     INSERT INTO segments (timestamp_ms, is_timestamp_from_source, duration_samples, crc32, audio_data)
     SELECT ${AIR_START_MS} + i * 1000, 1, 48000, 0, x'00' FROM n`,
  );
  await using reader = new SqliteShowReader(path);
  const { first_ms: firstMs, last_ms: lastMs } = await readShowSummary("a", reader);
  assert.deepEqual([firstMs, lastMs], [AIR_START_MS, AIR_START_MS + 200_000_000]);
});
