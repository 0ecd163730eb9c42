import type { Segment } from "../core/segment.ts";
import type { IdRange, ShowReader } from "../store/show-reader.ts";

/** As much audio as is held at once. */
const BATCH_BYTES_MAX = 1024 * 1024;

const BATCH_ROWS_MAX = 64;

/** All segments with ids in the range, a small batch at a time. */
export async function* readSegments(reader: ShowReader, range: IdRange): AsyncGenerator<Segment> {
  let { startId } = range;
  while (startId <= range.endId) {
    const batch = await reader.segments({
      ...range,
      startId,
      limit: BATCH_ROWS_MAX,
      bytesMax: BATCH_BYTES_MAX,
    });
    const last = batch.at(-1);
    if (last === undefined) return;
    yield* batch;
    startId = last.id + 1;
  }
}

/** The id of the segment in a session that holds `timeMs`, or of the first after it; times ascend inside a session. */
export async function findSegmentId(reader: ShowReader, session: IdRange, timeMs: number): Promise<number> {
  let low = session.startId;
  let high = session.endId;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const [head] = await reader.heads({ startId: middle, endId: high, limit: 1 });
    if (head !== undefined && head.timestampMs <= timeMs) low = head.id;
    else high = middle - 1;
  }
  return low;
}
