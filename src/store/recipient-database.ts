import { AppError } from "../core/app-error.ts";
import type { Segment } from "../core/segment.ts";
import type { ShowEvent } from "../core/show-event.ts";
import type { RecipientBatch, RecipientState } from "./recipient-writer.ts";
import type { MetadataText, ShowMetadata } from "./show-metadata.ts";
import { AUTO_VACUUM, openShowDatabase, writeMetadata } from "./sqlite-schema.ts";
import type { Sqlite, SqlValue } from "./sqlite.ts";

export const SEGMENT_CURSOR = "last_synced_id";
export const EVENT_CURSOR = "last_synced_event_id";

export const INSERT_EVENT = "INSERT INTO events (source_id, timestamp_ms, kind, data) VALUES (?, ?, ?, ?)";

/** Whole rows are written, and never changed: four times SQLite's usual page takes a tenth off the time that a first fill needs. */
export const NEW_SETTINGS: string = `PRAGMA page_size = 16384; ${AUTO_VACUUM}`;

/**
 * A write-ahead log writes all audio twice. A new recipient has a rollback journal until it is filled: that is as safe, but its readers
 * and its writer wait for each other.
 */
const FILL_SETTINGS = "PRAGMA journal_mode = PERSIST";

/** A usual chunk is written once, at its end. */
const WRITER_SETTINGS = "PRAGMA cache_size = -4000";

/** Opens a recipient to write into it; throws `is-recipient` when it is a sender's own. The caller has its lock, and closes it. */
export function openRecipientDatabase(path: string): { sqlite: Sqlite; metadata: ShowMetadata } {
  const { sqlite, metadata } = openShowDatabase(path, { readOnly: false });
  try {
    requireRecipient(path, metadata);
    sqlite.exec(WRITER_SETTINGS);
    if (!hasLog(sqlite)) sqlite.exec(FILL_SETTINGS);
    return { sqlite, metadata };
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

export function requireRecipient(path: string, metadata: ShowMetadata): void {
  if (metadata.isRecipient) return;
  throw new AppError(
    "is-recipient",
    `cannot sync into ${path}: its is_recipient is "false", "true" is needed; it is a sender's own recording`,
  );
}

/** Whether it was filled, and has a write-ahead log since. */
export function hasLog(sqlite: Sqlite): boolean {
  return sqlite.get("PRAGMA journal_mode")?.["journal_mode"] === "wal";
}

/** Makes a batch durable, whole or not at all. */
export function commitBatch(sqlite: Sqlite, batch: RecipientBatch): void {
  sqlite.transact(() => {
    for (const segment of batch.segments) {
      sqlite.run(
        `INSERT INTO segments (id, timestamp_ms, is_timestamp_from_source, duration_samples, crc32, loudness, audio_data)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
        segment.id,
        ...toValues(segment),
      );
    }
    for (const event of batch.events) {
      if (batch.state.idOffset > 0 && hasOwnEvent(sqlite, event)) continue;
      sqlite.run(INSERT_EVENT, event.id, event.timestampMs, event.kind, event.data);
    }
    for (const event of batch.ownEvents) {
      sqlite.run(INSERT_EVENT, null, event.timestampMs, event.kind, JSON.stringify(event.data));
    }
    writeMetadata(sqlite, toCursorText(batch.state));
  });
}

/** All columns but the id. */
export function toValues(segment: Segment): SqlValue[] {
  const { timestampMs, isTimestampFromSource, durationSamples, crc32, loudness, audioData } = segment;
  return [timestampMs, isTimestampFromSource ? 1 : 0, durationSamples, crc32, loudness ?? null, audioData];
}

export function toCursorText(state: RecipientState): MetadataText {
  return { [SEGMENT_CURSOR]: String(state.lastSyncedId), [EVENT_CURSOR]: String(state.lastSyncedEventId) };
}

/** Whether an event that a new sender tells came from the former one already: both may have been restored from one copy. */
function hasOwnEvent(sqlite: Sqlite, event: ShowEvent): boolean {
  const sql = `SELECT 1 FROM events WHERE source_id IS NULL AND timestamp_ms = ? AND kind = ? AND data = ? LIMIT 1`;
  return sqlite.get(sql, event.timestampMs, event.kind, event.data) !== undefined;
}
