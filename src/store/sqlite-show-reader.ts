import { type Segment, type SegmentHead, toEndMs } from "../core/segment.ts";
import type { ShowEvent } from "../core/show-event.ts";
import type { ShowMetadata } from "./show-metadata.ts";
import type { IdRange, Session, ShowBounds, ShowReader } from "./show-reader.ts";
import {
  EVENT_COLUMNS,
  HEAD_COLUMNS,
  SEGMENT_COLUMNS,
  toSegment,
  toSegmentHead,
  toShowEvent,
} from "./sqlite-rows.ts";
import { openShowDatabase } from "./sqlite-schema.ts";
import type { Sqlite } from "./sqlite.ts";

/** Row by row: how much a row would be is known before it is read. */
const NEXT_SEGMENT_SQL = `
  SELECT ${SEGMENT_COLUMNS} FROM segments
  WHERE id = (SELECT min(id) FROM segments WHERE id BETWEEN ? AND ?) AND length(audio_data) <= ?
`;

/** The first row, every boundary, and the first row of each sender that took the place of another, each with its successor's id, and the last row before that. */
const SESSIONS_SQL = `
  WITH starts AS (
    SELECT id, timestamp_ms FROM segments WHERE is_timestamp_from_source = 1
    UNION
    SELECT id, timestamp_ms FROM (SELECT id, timestamp_ms FROM segments ORDER BY id LIMIT 1)
    UNION
    SELECT id, timestamp_ms FROM segments WHERE id IN (
      SELECT (SELECT min(id) FROM segments WHERE id > value) FROM json_each(?)
    )
  ),
  spans AS (SELECT id, timestamp_ms, lead(id, 1, 9223372036854775807) OVER (ORDER BY id) AS next_id FROM starts)
  SELECT spans.id AS start_id, spans.timestamp_ms AS start_ms, last.id, last.timestamp_ms, last.duration_samples
  FROM spans
  JOIN segments AS last ON last.id = (SELECT max(id) FROM segments WHERE id < spans.next_id)
  ORDER BY start_id
`;

/** Reads one SQLite file, without ever writing to it. */
export class SqliteShowReader implements ShowReader {
  readonly metadata: ShowMetadata;
  readonly #sqlite: Sqlite;

  constructor(path: string) {
    ({ sqlite: this.#sqlite, metadata: this.metadata } = openShowDatabase(path, { readOnly: true }));
  }

  async bounds(): Promise<ShowBounds> {
    const row = this.#sqlite.get(`
      SELECT (SELECT min(id) FROM segments) AS min_id, (SELECT max(id) FROM segments) AS max_id,
             (SELECT seq FROM sqlite_sequence WHERE name = 'segments') AS last_id,
             (SELECT max(id) FROM events) AS max_event_id`);
    const read = (key: string): number => Number(row?.[key] ?? 0);
    return {
      minId: read("min_id"),
      maxId: read("max_id"),
      lastId: Math.max(read("last_id"), read("max_id")),
      maxEventId: read("max_event_id"),
    };
  }

  async segments(range: IdRange & { limit: number; bytesMax: number }): Promise<Segment[]> {
    const segments: Segment[] = [];
    let { startId } = range;
    let bytesLeft = range.bytesMax;
    while (segments.length < range.limit) {
      const bytesMax = segments.length === 0 ? Number.MAX_SAFE_INTEGER : bytesLeft;
      const row = this.#sqlite.get(NEXT_SEGMENT_SQL, startId, range.endId, bytesMax);
      if (row === undefined) break;
      const segment = toSegment(row);
      segments.push(segment);
      bytesLeft -= segment.audioData.length;
      startId = segment.id + 1;
    }
    return segments;
  }

  async heads(range: IdRange & { limit: number }): Promise<SegmentHead[]> {
    const sql = `SELECT ${HEAD_COLUMNS} FROM segments WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?`;
    return this.#sqlite.all(sql, range.startId, range.endId, range.limit).map(toSegmentHead);
  }

  async sessions(time: { fromMs: number; toMs: number }): Promise<Session[]> {
    const sessions = this.#sqlite.all(SESSIONS_SQL, JSON.stringify(this.metadata.idOffsets)).map((row) => {
      const last = {
        timestampMs: Number(row["timestamp_ms"]),
        durationSamples: Number(row["duration_samples"]),
      };
      return {
        startId: Number(row["start_id"]),
        endId: Number(row["id"]),
        startMs: Number(row["start_ms"]),
        endMs: toEndMs(last),
      };
    });
    return sessions.filter((session) => session.startMs < time.toMs && session.endMs > time.fromMs);
  }

  async events(page: { afterId: number; limit: number }): Promise<ShowEvent[]> {
    const sql = `SELECT ${EVENT_COLUMNS} FROM events WHERE id > ? ORDER BY id LIMIT ?`;
    return this.#sqlite.all(sql, page.afterId, page.limit).map(toShowEvent);
  }

  async eventsWithin(query: {
    kind: string;
    fromMs: number;
    toMs: number;
    limit: number;
  }): Promise<ShowEvent[]> {
    const { kind, fromMs, toMs, limit } = query;
    // A sender may write anything as the end, so a text, which is more than any number, counts as none.
    const sql = `SELECT ${EVENT_COLUMNS} FROM events WHERE kind = ?1 AND timestamp_ms < ?3 AND (timestamp_ms >= ?2
                   OR (json_type(data, '$.end_ms') IN ('integer', 'real') AND json_extract(data, '$.end_ms') > ?2))
                 ORDER BY timestamp_ms, id LIMIT ?4`;
    return this.#sqlite.all(sql, kind, fromMs, toMs, limit).map(toShowEvent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sqlite.close();
  }
}
