import { toDurationSamples } from "../audio/duration.ts";
import { AppError } from "../core/app-error.ts";
import { toLoudnessLength } from "../core/loudness.ts";
import { type Segment, SEGMENT_BYTES_MAX, toCrc32, toHeadCrc32 } from "../core/segment.ts";
import type { ShowEvent } from "../core/show-event.ts";
import type { AudioFormat, ShowFormat } from "../core/show.ts";
import type { WireBytes, WireEvent, WireMetadata, WireSegment } from "./wire.ts";

export type RowExpectation = {
  startId: number;
  endId: number;
  audioFormat: AudioFormat;
  channels: number;
  /** Whether the sender says that each row of CBOR has a `head_crc32`. */
  hasHeadCrc32: boolean;
};

/** What rows of a range of the sender's ids have to be, by what it tells of itself. */
export function toRowExpectation(
  range: { startId: number; endId: number },
  { audioFormat, channels }: ShowFormat,
  { head_crc32: hasHeadCrc32 = false }: WireMetadata,
): RowExpectation {
  return { ...range, audioFormat, channels, hasHeadCrc32 };
}

/** Turns rows from the wire into segments; throws `corrupt` for the first that may not be stored. */
export function toCheckedSegments(rows: readonly WireSegment[], expected: RowExpectation): Segment[] {
  let lowestId = expected.startId;
  return rows.map((row) => {
    requireInRange(row.id, { startId: lowestId, endId: expected.endId });
    lowestId = row.id + 1;
    return toCheckedSegment(row, expected);
  });
}

/** Throws `corrupt` for a segment that was not asked for. */
export function requireInRange(id: number, { startId, endId }: { startId: number; endId: number }): void {
  if (id >= startId && id <= endId) return;
  throw new AppError("corrupt", `the sender sent segment ${id} where ${startId} to ${endId} can come`);
}

function toCheckedSegment(row: WireSegment, expected: RowExpectation): Segment {
  const audioData = decode(row);
  if (audioData.length === 0 || audioData.length > SEGMENT_BYTES_MAX) {
    throw new AppError(
      "corrupt",
      `segment ${row.id} has ${audioData.length} bytes; 1 to ${SEGMENT_BYTES_MAX} are possible`,
    );
  }
  const crc32 = toCrc32(audioData);
  if (row.crc32 !== undefined && row.crc32 !== crc32) {
    throw new AppError(
      "corrupt",
      `segment ${row.id} was damaged on its way: its CRC is ${crc32}, not ${row.crc32}`,
    );
  }
  const durationSamples =
    row.duration_samples ?? toDurationSamples(expected.audioFormat, expected.channels, audioData);
  const segment = {
    id: row.id,
    timestampMs: row.timestamp_ms,
    isTimestampFromSource: row.is_timestamp_from_source === 1,
    durationSamples,
    crc32,
    loudness: toLoudness(row, durationSamples),
    audioData,
  };
  // Senders of other make that speak JSON may pass on what another one told of itself.
  const isHeadCheckable =
    row.head_crc32 !== undefined || (expected.hasHeadCrc32 && row.audio_data === audioData);
  if (isHeadCheckable && row.head_crc32 !== toHeadCrc32(segment)) {
    throw new AppError(
      "corrupt",
      `segment ${row.id} was damaged on its way: its time or length is not what was sent`,
    );
  }
  return segment;
}

/** What is not one byte for each second begun is no loudness as it is meant here, and is left out. */
function toLoudness({ loudness }: WireSegment, durationSamples: number): Uint8Array | undefined {
  if (loudness === undefined) return undefined;
  try {
    const bytes = toBytes(loudness);
    return bytes.length === toLoudnessLength(durationSamples) ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function decode(row: WireSegment): Uint8Array {
  try {
    return toBytes(row.audio_data);
  } catch (error) {
    throw new AppError("corrupt", `the audio of segment ${row.id} is no base64`, { cause: error });
  }
}

function toBytes(bytes: WireBytes): Uint8Array {
  return typeof bytes === "string" ? Uint8Array.fromBase64(bytes) : bytes;
}

/** The same for events, which have to ascend from above `afterId`. */
export function toCheckedEvents(rows: readonly WireEvent[], afterId: number): ShowEvent[] {
  let highestId = afterId;
  return rows.map((row) => {
    if (row.id <= highestId) {
      throw new AppError("corrupt", `the sender sent event ${row.id} after event ${highestId}`);
    }
    highestId = row.id;
    return {
      id: row.id,
      sourceId: row.id,
      timestampMs: row.timestamp_ms,
      kind: row.kind,
      data: JSON.stringify(row.data),
    };
  });
}
