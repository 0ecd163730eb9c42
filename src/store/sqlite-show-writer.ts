import { existsSync } from "node:fs";

import { AppError } from "../core/app-error.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import { type NewSegment, type SegmentHead, toCrc32, toEndMs } from "../core/segment.ts";
import type { NewShowEvent } from "../core/show-event.ts";
import type { ShowFormat } from "../core/show.ts";
import { type ShowMetadata, toSenderMetadata } from "./show-metadata.ts";
import { HEAD_COLUMNS, toSegmentHead } from "./sqlite-rows.ts";
import { createShowDatabase, openShowDatabase, writeMetadata } from "./sqlite-schema.ts";
import type { Sqlite, SqlRow } from "./sqlite.ts";

/** Rows deleted by one transaction: on a full disk the write-ahead log has room for little. */
const ROWS_PER_DELETE = 50;

/** The pieces of the segment in work, so that a kill costs no more than what came after the last of them. */
const UNFINISHED_SCHEMA = `
  CREATE TABLE IF NOT EXISTS unfinished (
    id INTEGER PRIMARY KEY,
    timestamp_ms INTEGER NOT NULL,
    is_timestamp_from_source INTEGER NOT NULL,
    duration_samples INTEGER NOT NULL,
    audio_data BLOB NOT NULL
  )
`;

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
  readonly #sqlite: Sqlite;

  private constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
  }

  /** Opens the database at `path`, or creates it. Throws `is-recipient` or `mismatch` and leaves the file as it is. */
  static open(path: string, settings: ShowSettings): ShowWriter {
    if (!existsSync(path)) createShowDatabase(path, toSenderMetadata(settings));
    const { sqlite, metadata } = openShowDatabase(path, { readOnly: false });
    try {
      requireSame(path, metadata, settings);
      if (metadata.timezone !== settings.timezone) {
        sqlite.transact(() => writeMetadata(sqlite, { timezone: settings.timezone }));
      }
      sqlite.exec(UNFINISHED_SCHEMA);
      return new ShowWriter(sqlite);
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
   * Makes a part of the segment in work durable, with the events that belong to it. `timestampMs` and the flag are those
   * of the segment as they are known by now.
   */
  savePiece(piece: NewSegment, events: readonly NewShowEvent[] = []): void {
    this.#sqlite.transact(() => {
      for (const event of events) this.#insertEvent(event);
      this.#sqlite.run(
        `INSERT INTO unfinished (timestamp_ms, is_timestamp_from_source, duration_samples, audio_data)
         VALUES (?, ?, ?, ?)`,
        Math.round(piece.timestampMs),
        piece.isTimestampFromSource ? 1 : 0,
        piece.durationSamples,
        piece.audioData,
      );
    });
  }

  /** Stores a whole segment, in place of its pieces, with the events that belong to it; returns its id. */
  append(segment: NewSegment, events: readonly NewShowEvent[] = []): number {
    return this.#sqlite.transact(() => {
      for (const event of events) this.#insertEvent(event);
      this.#sqlite.run("DELETE FROM unfinished");
      return this.#insertSegment(segment);
    });
  }

  /** Makes a segment of the pieces that a killed recorder left behind; `undefined` when there are none. */
  finishUnfinished(): NewSegment | undefined {
    return this.#sqlite.transact(() => {
      const pieces = this.#sqlite.all("SELECT * FROM unfinished ORDER BY id").map(toPiece);
      const last = pieces.at(-1);
      if (last === undefined) return undefined;
      const segment: NewSegment = {
        timestampMs: last.timestampMs,
        isTimestampFromSource: last.isTimestampFromSource,
        durationSamples: pieces.reduce((sum, piece) => sum + piece.durationSamples, 0),
        audioData: concatBytes(pieces.map((piece) => piece.audioData)),
      };
      this.#sqlite.run("DELETE FROM unfinished");
      this.#insertSegment(segment);
      return segment;
    });
  }

  addEvent(event: NewShowEvent): void {
    this.#sqlite.transact(() => this.#insertEvent(event));
  }

  /** `undefined` for a database in which nothing was ever recorded. */
  history(): ShowHistory | undefined {
    const row = this.#sqlite.get(`SELECT ${HEAD_COLUMNS} FROM segments ORDER BY id DESC LIMIT 1`);
    const event = this.#sqlite.get(
      `SELECT kind, max(timestamp_ms, coalesce(json_extract(data, '$.end_ms'), 0)) AS end_ms
       FROM events ORDER BY id DESC LIMIT 1`,
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

  /** Deletes the segments below a boundary and the events that end before it; returns how many segments. */
  deleteBefore(boundary: Pick<SegmentHead, "id" | "timestampMs">): number {
    let deleted = 0;
    for (;;) {
      const sql =
        "DELETE FROM segments WHERE id IN (SELECT id FROM segments WHERE id < ? ORDER BY id LIMIT ?)";
      const { changes } = this.#sqlite.run(sql, boundary.id, ROWS_PER_DELETE);
      if (changes === 0) break;
      deleted += changes;
      this.#sqlite.exec("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)");
    }
    this.#sqlite.run(
      "DELETE FROM events WHERE max(timestamp_ms, coalesce(json_extract(data, '$.end_ms'), 0)) < ?",
      boundary.timestampMs,
    );
    return deleted;
  }

  [Symbol.dispose](): void {
    this.#sqlite.close();
  }

  #insertSegment(segment: NewSegment): number {
    const { lastId } = this.#sqlite.run(
      `INSERT INTO segments (timestamp_ms, is_timestamp_from_source, duration_samples, crc32, audio_data)
       VALUES (?, ?, ?, ?, ?)`,
      Math.round(segment.timestampMs),
      segment.isTimestampFromSource ? 1 : 0,
      segment.durationSamples,
      toCrc32(segment.audioData),
      segment.audioData,
    );
    return lastId;
  }

  #insertEvent(event: NewShowEvent): void {
    const sql = "INSERT INTO events (timestamp_ms, kind, data) VALUES (?, ?, ?)";
    this.#sqlite.run(sql, Math.round(event.timestampMs), event.kind, JSON.stringify(event.data));
  }
}

function toPiece(row: SqlRow): NewSegment {
  const audioData = row["audio_data"];
  return {
    timestampMs: Number(row["timestamp_ms"]),
    isTimestampFromSource: row["is_timestamp_from_source"] === 1,
    durationSamples: Number(row["duration_samples"]),
    audioData: audioData instanceof Uint8Array ? audioData : new Uint8Array(0),
  };
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
