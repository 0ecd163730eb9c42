import { randomFillSync } from "node:crypto";

import { SAMPLE_RATE } from "../../src/core/show.ts";
import { toCrc32 } from "../../src/core/segment.ts";
import { createShowDatabase } from "../../src/store/sqlite-schema.ts";
import { createUniqueId } from "../../src/store/show-metadata.ts";
import { Sqlite } from "../../src/store/sqlite.ts";

const ROWS_PER_TRANSACTION = 256;

const START_MS = Date.UTC(2026, 0, 1);

/** Rows of a sender: how many, how long each. */
export type BenchRows = { rows: number; rowBytes: number };

/** Creates a sender's database whose audio nothing can compress. */
export function createBenchDatabase(path: string, name: string, rows: BenchRows): void {
  createShowDatabase(path, {
    version: "1",
    unique_id: createUniqueId(),
    name,
    audio_format: "opus",
    split_interval: "10",
    bitrate: "16",
    sample_rate: String(SAMPLE_RATE),
    channels: "1",
    timezone: "UTC",
    is_recipient: "false",
  });
  appendRows(path, rows);
}

/** Adds rows behind the last one. */
export function appendRows(path: string, { rows, rowBytes }: BenchRows): void {
  using sqlite = Sqlite.open(path, { readOnly: false });
  const audioData = new Uint8Array(rowBytes);
  for (let done = 0; done < rows; done += ROWS_PER_TRANSACTION) {
    sqlite.transact(() => {
      for (let row = done; row < Math.min(rows, done + ROWS_PER_TRANSACTION); row++) {
        randomFillSync(audioData);
        sqlite.run(
          `INSERT INTO segments (timestamp_ms, is_timestamp_from_source, duration_samples, crc32, loudness, audio_data)
           VALUES (coalesce((SELECT max(id) FROM segments), 0) * 10000 + ?, 0, 480000, ?, zeroblob(10), ?)`,
          START_MS,
          toCrc32(audioData),
          audioData,
        );
      }
    });
  }
  sqlite.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

/** Deletes the oldest rows, as retention does. */
export function deleteOldest(path: string, rows: number): void {
  using sqlite = Sqlite.open(path, { readOnly: false });
  sqlite.run("DELETE FROM segments WHERE id IN (SELECT id FROM segments ORDER BY id LIMIT ?)", rows);
  sqlite.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}
