import type { Segment, SegmentHead } from "../core/segment.ts";
import type { ShowEvent } from "../core/show-event.ts";
import type { SqlRow } from "./sqlite.ts";

/** The columns that `toSegmentHead` reads. */
export const HEAD_COLUMNS = "id, timestamp_ms, is_timestamp_from_source, duration_samples, crc32";

/** The columns that `toShowEvent` reads. */
export const EVENT_COLUMNS = "id, source_id, timestamp_ms, kind, data";

export function toSegmentHead(row: SqlRow): SegmentHead {
  return {
    id: Number(row["id"]),
    timestampMs: Number(row["timestamp_ms"]),
    isTimestampFromSource: row["is_timestamp_from_source"] !== 0,
    durationSamples: Number(row["duration_samples"]),
    crc32: Number(row["crc32"]),
  };
}

/** The columns that `toSegment` reads. */
export const SEGMENT_COLUMNS: string = `${HEAD_COLUMNS}, loudness, audio_data`;

export function toSegment(row: SqlRow): Segment {
  const { loudness, audio_data: audioData } = row;
  return {
    ...toSegmentHead(row),
    loudness: loudness instanceof Uint8Array ? loudness : undefined,
    audioData: audioData instanceof Uint8Array ? audioData : new Uint8Array(0),
  };
}

export function toShowEvent(row: SqlRow): ShowEvent {
  return {
    id: Number(row["id"]),
    sourceId: row["source_id"] === null ? null : Number(row["source_id"]),
    timestampMs: Number(row["timestamp_ms"]),
    kind: String(row["kind"]),
    data: String(row["data"]),
  };
}
