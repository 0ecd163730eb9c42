import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { AppError } from "../core/app-error.ts";
import type { Segment, SegmentHead } from "../core/segment.ts";
import type { ShowEvent } from "../core/show-event.ts";
import { parseShowName } from "../core/show.ts";
import { ExclusiveLock } from "./exclusive-lock.ts";
import { isDirectory, makeDirectory } from "./make-directory.ts";
import type {
  RecipientBatch,
  RecipientState,
  RecipientStore,
  RecipientView,
  RecipientWriter,
} from "./recipient-writer.ts";
import { ID_OFFSETS_KEY, type MetadataText, type ShowMetadata } from "./show-metadata.ts";
import { HEAD_COLUMNS, toSegmentHead } from "./sqlite-rows.ts";
import { createShowDatabase, DATABASE_SUFFIX, openShowDatabase, writeMetadata } from "./sqlite-schema.ts";
import type { Sqlite, SqlValue } from "./sqlite.ts";

const SEGMENT_CURSOR = "last_synced_id";
const EVENT_CURSOR = "last_synced_event_id";
const SOURCE_ID = "source_unique_id";

const INSERT_EVENT = "INSERT INTO events (source_id, timestamp_ms, kind, data) VALUES (?, ?, ?, ?)";

/** Whole rows are written, and never changed: four times SQLite's usual page takes a third off the time that a first fill needs. */
const NEW_SETTINGS = "PRAGMA page_size = 16384";

/**
 * A write-ahead log writes all audio twice. A new recipient has a rollback journal until it is filled: that is as safe, but its readers
 * and its writer wait for each other.
 */
const FILL_SETTINGS = "PRAGMA journal_mode = TRUNCATE";

/** A usual chunk is written once, at its end. */
const WRITER_SETTINGS = "PRAGMA cache_size = -4000";

/** Recipients as SQLite files in one directory, which is made when the first of them is. */
export class SqliteRecipientStore implements RecipientStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async look(name: string): Promise<RecipientView | undefined> {
    const path = this.#toPath(name);
    if (!existsSync(path)) return undefined;
    const { sqlite, metadata } = openShowDatabase(path, { readOnly: true });
    using _ = sqlite;
    requireRecipient(path, metadata);
    return { metadata, state: readState(sqlite), lastHeld: readLastHeld(sqlite) };
  }

  async open(
    name: string,
    create: () => { metadata: MetadataText; state: RecipientState },
  ): Promise<RecipientWriter> {
    const path = this.#toPath(name);
    makeDirectory(this.#directory);
    const lock = new ExclusiveLock(join(this.#directory, `.${name}.lock`), `cannot sync into ${path}`);
    try {
      if (!existsSync(path)) {
        const { metadata, state } = create();
        createShowDatabase(path, { ...metadata, ...toCursorText(state) }, NEW_SETTINGS);
      }
      return new SqliteRecipientWriter(path, lock);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** Throws `mismatch` where a file is there whose name differs in case alone: not every file system keeps them apart. */
  #toPath(name: string): string {
    const file = parseShowName(name) + DATABASE_SUFFIX;
    const files = isDirectory(this.#directory) ? readdirSync(this.#directory) : [];
    const twin = files.find((other) => other !== file && other.toLowerCase() === file.toLowerCase());
    if (twin === undefined) return join(this.#directory, file);
    throw new AppError(
      "mismatch",
      `${name}: ${join(this.#directory, twin)} is there already, and its name differs from ${file} in case alone; sync into another directory to keep both`,
    );
  }
}

function requireRecipient(path: string, metadata: ShowMetadata): void {
  if (metadata.isRecipient) return;
  throw new AppError(
    "is-recipient",
    `cannot sync into ${path}: its is_recipient is "false", "true" is needed; it is a sender's own recording`,
  );
}

class SqliteRecipientWriter implements RecipientWriter {
  metadata: ShowMetadata;
  readonly #sqlite: Sqlite;
  readonly #lock: Disposable;

  constructor(path: string, lock: Disposable) {
    ({ sqlite: this.#sqlite, metadata: this.metadata } = openShowDatabase(path, { readOnly: false }));
    this.#lock = lock;
    try {
      requireRecipient(path, this.metadata);
      this.#sqlite.exec(WRITER_SETTINGS);
      if (!this.#hasLog) this.#sqlite.exec(FILL_SETTINGS);
    } catch (error) {
      this.#sqlite.close();
      throw error;
    }
  }

  async state(): Promise<RecipientState> {
    return readState(this.#sqlite);
  }

  async lastHeld(): Promise<SegmentHead | undefined> {
    return readLastHeld(this.#sqlite);
  }

  async lastId(): Promise<number> {
    return Number(this.#sqlite.get("SELECT seq FROM sqlite_sequence WHERE name = 'segments'")?.["seq"] ?? 0);
  }

  async commit(batch: RecipientBatch): Promise<void> {
    const sqlite = this.#sqlite;
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

  async replaceSource({ uniqueId, state }: { uniqueId: string; state: RecipientState }): Promise<void> {
    const sqlite = this.#sqlite;
    const former = { [SOURCE_ID]: this.metadata.text[SOURCE_ID], ...toCursorText(readState(sqlite)) };
    const idOffsets = [...this.metadata.idOffsets, state.idOffset];
    const source = { [SOURCE_ID]: uniqueId, [ID_OFFSETS_KEY]: idOffsets.join(" ") };
    sqlite.transact(() => {
      sqlite.run("UPDATE events SET source_id = NULL");
      const data = JSON.stringify({ former, [SOURCE_ID]: uniqueId });
      sqlite.run(INSERT_EVENT, null, Date.now(), "source-replaced", data);
      writeMetadata(sqlite, { ...toCursorText(state), ...source });
    });
    this.metadata = { ...this.metadata, idOffsets, text: { ...this.metadata.text, ...source } };
  }

  async replaceSegment(segment: Segment): Promise<void> {
    const { changes } = this.#sqlite.run(
      `UPDATE segments SET timestamp_ms = ?, is_timestamp_from_source = ?, duration_samples = ?, crc32 = ?, loudness = ?, audio_data = ?
       WHERE id = ?`,
      ...toValues(segment),
      segment.id,
    );
    if (changes === 0) throw new AppError("not-found", `${this.#sqlite.path} has no segment ${segment.id}`);
  }

  async finishFill(): Promise<void> {
    if (!this.#hasLog) this.#sqlite.exec("PRAGMA journal_mode = WAL");
  }

  get #hasLog(): boolean {
    return this.#sqlite.get("PRAGMA journal_mode")?.["journal_mode"] === "wal";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sqlite.close();
    this.#lock[Symbol.dispose]();
  }
}

/** All columns but the id. */
function toValues(segment: Segment): SqlValue[] {
  const { timestampMs, isTimestampFromSource, durationSamples, crc32, loudness, audioData } = segment;
  return [timestampMs, isTimestampFromSource ? 1 : 0, durationSamples, crc32, loudness ?? null, audioData];
}

/** Whether an event that a new sender tells came from the former one already: both may have been restored from one copy. */
function hasOwnEvent(sqlite: Sqlite, event: ShowEvent): boolean {
  const sql = `SELECT 1 FROM events WHERE source_id IS NULL AND timestamp_ms = ? AND kind = ? AND data = ? LIMIT 1`;
  return sqlite.get(sql, event.timestampMs, event.kind, event.data) !== undefined;
}

/** A recipient of another make may have no events and no cursor for them. */
function readState(sqlite: Sqlite): RecipientState {
  const read = (key: string): string | undefined =>
    sqlite.get("SELECT CAST(value AS TEXT) AS value FROM metadata WHERE key = ?", key)?.["value"]?.toString();
  return {
    lastSyncedId: toCursor(sqlite.path, SEGMENT_CURSOR, read(SEGMENT_CURSOR)),
    lastSyncedEventId: toCursor(sqlite.path, EVENT_CURSOR, read(EVENT_CURSOR) ?? "0"),
    idOffset: toCursor(sqlite.path, ID_OFFSETS_KEY, read(ID_OFFSETS_KEY)?.split(" ").at(-1) ?? "0"),
  };
}

function toCursor(path: string, key: string, text: string | undefined): number {
  const cursor = /^\d{1,16}$/.test(text ?? "") ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(cursor)) return cursor;
  throw new AppError("corrupt", `${path}: its ${key} is "${text ?? ""}", a whole number is needed`);
}

function readLastHeld(sqlite: Sqlite): SegmentHead | undefined {
  const row = sqlite.get(`SELECT ${HEAD_COLUMNS} FROM segments ORDER BY id DESC LIMIT 1`);
  return row === undefined ? undefined : toSegmentHead(row);
}

function toCursorText(state: RecipientState): MetadataText {
  return { [SEGMENT_CURSOR]: String(state.lastSyncedId), [EVENT_CURSOR]: String(state.lastSyncedEventId) };
}
