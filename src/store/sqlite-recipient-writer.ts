import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { AppError } from "../core/app-error.ts";
import type { Segment, SegmentHead } from "../core/segment.ts";
import { parseShowName } from "../core/show.ts";
import { ExclusiveLock } from "./exclusive-lock.ts";
import { FillThread } from "./fill-thread.ts";
import { isDirectory, makeDirectory } from "./make-directory.ts";
import type {
  RecipientBatch,
  RecipientState,
  RecipientStore,
  RecipientView,
  RecipientWriter,
} from "./recipient-writer.ts";
import {
  commitBatch,
  EVENT_CURSOR,
  hasLog,
  INSERT_EVENT,
  NEW_SETTINGS,
  openRecipientDatabase,
  requireRecipient,
  SEGMENT_CURSOR,
  toCursorText,
  toValues,
} from "./recipient-database.ts";
import { ID_OFFSETS_KEY, type MetadataText, type ShowMetadata } from "./show-metadata.ts";
import { HEAD_COLUMNS, toSegmentHead } from "./sqlite-rows.ts";
import { createShowDatabase, DATABASE_SUFFIX, openShowDatabase, writeMetadata } from "./sqlite-schema.ts";
import type { Sqlite } from "./sqlite.ts";

const SOURCE_ID = "source_unique_id";

/** A fill of less is over before a thread for it would have begun. */
const THREAD_BYTES_MIN = 1024 * 1024;

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

class SqliteRecipientWriter implements RecipientWriter {
  metadata: ShowMetadata;
  readonly #sqlite: Sqlite;
  readonly #lock: Disposable;
  #fill: FillThread | undefined;
  #isFilled: boolean;
  /** Of all audio so far. */
  #bytes = 0;

  constructor(path: string, lock: Disposable) {
    ({ sqlite: this.#sqlite, metadata: this.metadata } = openRecipientDatabase(path));
    this.#isFilled = hasLog(this.#sqlite);
    this.#lock = lock;
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
    for (const { audioData } of batch.segments) this.#bytes += audioData.length;
    if (this.#isFilled || this.#bytes < THREAD_BYTES_MIN) commitBatch(this.#sqlite, batch);
    else await (this.#fill ??= new FillThread(this.#sqlite.path)).commit(batch);
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
    if (this.#isFilled) return;
    await this.#endFill();
    this.#sqlite.exec("PRAGMA journal_mode = WAL");
    this.#isFilled = hasLog(this.#sqlite);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endFill();
    this.#sqlite.close();
    this.#lock[Symbol.dispose]();
  }

  async #endFill(): Promise<void> {
    await this.#fill?.[Symbol.asyncDispose]();
    this.#fill = undefined;
  }
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
