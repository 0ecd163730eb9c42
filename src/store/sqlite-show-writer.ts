import { existsSync } from "node:fs";

import { AppError } from "../core/app-error.ts";
import { type NewSegment, type SegmentHead, toCrc32, toEndMs } from "../core/segment.ts";
import type { NewShowEvent } from "../core/show-event.ts";
import type { ShowFormat } from "../core/show.ts";
import type { Ballast } from "./ballast.ts";
import {
  type InputPart,
  type NewPiece,
  RecordingState,
  type ResumePoint,
  type ResumeUpdate,
} from "./recording-state.ts";
import { type ShowMetadata, toSenderMetadata } from "./show-metadata.ts";
import { HEAD_COLUMNS, toSegmentHead } from "./sqlite-rows.ts";
import { createShowDatabase, openShowDatabase, writeMetadata } from "./sqlite-schema.ts";
import type { Sqlite } from "./sqlite.ts";

/** Rows deleted by one transaction: on a full disk the write-ahead log has room for little. */
const ROWS_PER_DELETE = 50;

/**
 * Pages of 4 KiB given back to the file system by one transaction. Each of them may have to be moved, through the
 * write-ahead log, which then holds a megabyte at most with what points to them.
 */
const PAGES_PER_VACUUM = 128;

/** A writer looks at the newest rows only; the 2 MB of SQLite's default would be most of what a further show costs. */
const CACHE_KIB = 256;

/** What becomes durable together with sound. */
export type Extras = { events: readonly NewShowEvent[]; resume?: ResumeUpdate };

/** What a show's database has to agree with. */
export type ShowSettings = { name: string; format: ShowFormat; timezone: string };

/** How far a database tells what happened. */
export type ShowHistory = {
  /** Unix time at which the newest sound ends; `undefined` when there is none. */
  soundEndMs: number | undefined;
  /** Unix time at which the newest sound, or the newest event after it, ends. */
  endMs: number;
  /** Whether the recorder said that it stops; otherwise it was killed. */
  wasStopped: boolean;
};

/**
 * The one writer of a sender's database. It exists only for databases that record: a recipient is refused when it is opened. Everything
 * that it has written is durable when its method returns. Whoever opens it closes it.
 */
export class ShowWriter implements Disposable {
  /** Of the database that it writes. */
  readonly uniqueId: string;
  readonly #sqlite: Sqlite;
  readonly #state: RecordingState;
  readonly #ballast: Ballast | undefined;

  private constructor(sqlite: Sqlite, uniqueId: string, ballast: Ballast | undefined) {
    this.#sqlite = sqlite;
    this.uniqueId = uniqueId;
    this.#state = new RecordingState(sqlite);
    this.#ballast = ballast;
  }

  /**
   * Opens the database at `path`, or creates it. Throws `is-recipient` or `mismatch` and leaves the file as it is. On a full disk it
   * gives up the `ballast`, if there is one, and tries once more; so do the methods that write little.
   */
  static open(path: string, settings: ShowSettings, ballast?: Ballast): ShowWriter {
    return orWithBallast(ballast, () => ShowWriter.#open(path, settings, ballast));
  }

  static #open(path: string, settings: ShowSettings, ballast: Ballast | undefined): ShowWriter {
    if (!existsSync(path)) createShowDatabase(path, toSenderMetadata(settings));
    const { sqlite, metadata } = openShowDatabase(path, { readOnly: false });
    try {
      requireSame(path, metadata, settings);
      sqlite.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
      if (metadata.timezone !== settings.timezone) {
        sqlite.transact(() => writeMetadata(sqlite, { timezone: settings.timezone }));
      }
      return new ShowWriter(sqlite, metadata.uniqueId, ballast);
    } catch (error) {
      sqlite.close();
      throw error;
    }
  }

  /** Throws what `open` would throw, without creating or changing anything. */
  static check(path: string, settings: ShowSettings): void {
    if (!existsSync(path)) return;
    const { sqlite, metadata } = openShowDatabase(path, { readOnly: true });
    sqlite.close();
    requireSame(path, metadata, settings);
  }

  /**
   * Makes parts of segments in work durable, and what belongs to them. With `replaceFromSample`, they take the place of all
   * parts from there on.
   */
  savePieces(pieces: readonly NewPiece[], extras: Extras, replaceFromSample?: number): void {
    this.#write(() => {
      if (replaceFromSample !== undefined) this.#state.dropPiecesFrom(replaceFromSample);
      for (const piece of pieces) this.#state.savePiece(piece);
      this.#addExtras(extras);
    });
  }

  /**
   * Stores a whole segment, in place of its pieces, which end at `endSample`, and what belongs to it. The ballast is not for this: a
   * long segment would use it up, and its pieces may be stored instead.
   */
  append(segment: NewSegment, endSample: number, extras: Extras): void {
    this.#sqlite.transact(() => {
      this.#state.dropPiecesBefore(endSample);
      this.#insertSegment(segment);
      this.#addExtras(extras);
    });
  }

  /** Makes segments of the pieces that a killed recorder, or a full disk, left behind. */
  finishUnfinished(): NewSegment[] {
    return this.#sqlite.transact(() => {
      const segments = this.#state.takeSegments();
      for (const segment of segments) this.#insertSegment(segment);
      return segments;
    });
  }

  /** Where the last recording ended; `undefined` when that is not known. */
  resumePoint(): ResumePoint | undefined {
    return this.#state.readPoint();
  }

  /** What the station had sent by then, oldest first. */
  inputTail(): InputPart[] {
    return this.#state.readTail();
  }

  addEvent(event: NewShowEvent): void {
    this.#write(() => this.#insertEvent(event));
  }

  /** `undefined` for a database in which nothing was ever recorded. */
  history(): ShowHistory | undefined {
    const row = this.#sqlite.get(`SELECT ${HEAD_COLUMNS} FROM segments ORDER BY id DESC LIMIT 1`);
    const event = this.#sqlite.get(
      `SELECT kind, max(timestamp_ms, coalesce(json_extract(data, '$.end_ms'), 0)) AS end_ms
       FROM events WHERE kind IN ('gap', 'start', 'stop') ORDER BY id DESC LIMIT 1`,
    );
    if (row === undefined && event === undefined) return undefined;
    const soundEndMs = row === undefined ? undefined : toEndMs(toSegmentHead(row));
    const eventEndMs = Number(event?.["end_ms"] ?? 0);
    return {
      soundEndMs,
      endMs: Math.max(soundEndMs ?? 0, eventEndMs),
      wasStopped: event?.["kind"] === "stop",
    };
  }

  /** The size of the database, without its log. */
  get bytes(): number {
    const sql = "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size";
    return Number(this.#sqlite.get(sql)?.["bytes"]);
  }

  /** The boundaries up to an id, oldest first. */
  boundariesUpTo(id: number): SegmentHead[] {
    const sql = `SELECT ${HEAD_COLUMNS} FROM segments WHERE is_timestamp_from_source = 1 AND id <= ? ORDER BY id`;
    return this.#sqlite.all(sql, id).map(toSegmentHead);
  }

  /** The boundary below which everything, and nothing else, began before `cutoffMs`; `undefined` when there is none. */
  lastBoundaryBefore(cutoffMs: number): SegmentHead | undefined {
    const row = this.#sqlite.get(
      `SELECT ${HEAD_COLUMNS} FROM segments
       WHERE is_timestamp_from_source = 1 AND timestamp_ms < ?1 AND id < coalesce(
         (SELECT min(id) FROM segments WHERE is_timestamp_from_source = 1 AND timestamp_ms >= ?1), 9223372036854775807)
       ORDER BY id DESC LIMIT 1`,
      cutoffMs,
    );
    return row === undefined ? undefined : toSegmentHead(row);
  }

  /**
   * Deletes the segments below a boundary and the events that end before it; returns how many segments. Each step is
   * small enough for the ballast, so that this works on a full disk too.
   */
  deleteBefore(boundary: Pick<SegmentHead, "id" | "timestampMs">): number {
    const sql = "DELETE FROM segments WHERE id IN (SELECT id FROM segments WHERE id < ? ORDER BY id LIMIT ?)";
    let deleted = 0;
    for (;;) {
      const { changes } = this.#write(() => this.#sqlite.run(sql, boundary.id, ROWS_PER_DELETE));
      if (changes === 0) break;
      deleted += changes;
      this.#giveBackPages();
    }
    this.#write(() =>
      this.#sqlite.run(
        "DELETE FROM events WHERE max(timestamp_ms, coalesce(json_extract(data, '$.end_ms'), 0)) < ?",
        boundary.timestampMs,
      ),
    );
    return deleted;
  }

  [Symbol.dispose](): void {
    this.#sqlite.close();
  }

  #write<T>(work: () => T): T {
    return orWithBallast(this.#ballast, () => this.#sqlite.transact(work));
  }

  /** Makes the file shorter by the pages that are free. */
  #giveBackPages(): void {
    for (let free = this.#countFreePages(), before = Infinity; free > 0 && free < before;) {
      orWithBallast(this.#ballast, () => this.#sqlite.exec(`PRAGMA incremental_vacuum(${PAGES_PER_VACUUM})`));
      this.#emptyLog();
      before = free;
      free = this.#countFreePages();
    }
  }

  #countFreePages(): number {
    return Number(this.#sqlite.get("PRAGMA freelist_count")?.["freelist_count"]);
  }

  /** What the log holds may be waiting for the file to grow, which a full disk does not let it; the next step needs less. */
  #emptyLog(): void {
    try {
      this.#sqlite.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }

  #addExtras({ events, resume }: Extras): void {
    for (const event of events) this.#insertEvent(event);
    if (resume !== undefined) this.#state.saveResume(resume);
  }

  #insertSegment(segment: NewSegment): void {
    this.#sqlite.run(
      `INSERT INTO segments (timestamp_ms, is_timestamp_from_source, duration_samples, crc32, loudness, audio_data)
       VALUES (?, ?, ?, ?, ?, ?)`,
      Math.round(segment.timestampMs),
      segment.isTimestampFromSource ? 1 : 0,
      segment.durationSamples,
      toCrc32(segment.audioData),
      segment.loudness ?? null,
      segment.audioData,
    );
  }

  #insertEvent(event: NewShowEvent): void {
    const sql = "INSERT INTO events (timestamp_ms, kind, data) VALUES (?, ?, ?)";
    this.#sqlite.run(sql, Math.round(event.timestampMs), event.kind, JSON.stringify(event.data));
  }
}

/** When the disk is full, `work` is tried once more on the room that the ballast gives. */
function orWithBallast<T>(ballast: Ballast | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isDiskFull(error) || ballast?.release() !== true) throw error;
    return work();
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof AppError && error.code === "disk-full";
}

function requireSame(path: string, metadata: ShowMetadata, settings: ShowSettings): void {
  if (metadata.isRecipient) {
    throw new AppError(
      "is-recipient",
      `Cannot record to a recipient database. This database is configured for syncing only. (${path})`,
    );
  }
  const wanted = toSenderMetadata(settings);
  for (const key of ["name", "audio_format", "split_interval", "bitrate", "channels"]) {
    const [held, configured] = [metadata.text[key], wanted[key]];
    if (held !== configured) {
      throw new AppError(
        "mismatch",
        `${path}: its ${key} is "${held}", the configuration says "${configured}"; change it back, or record under another name`,
      );
    }
  }
}
