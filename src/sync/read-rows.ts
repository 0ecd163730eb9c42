import { AppError } from "../core/app-error.ts";
import { SEGMENT_BYTES_MAX } from "../core/segment.ts";
import { CborSequenceReader } from "./cbor-sequence.ts";
import { JsonRowReader } from "./json-rows.ts";
import type { RowReader } from "./row-reader.ts";
import { wireSegment, type WireSegment } from "./wire.ts";

/** What a row has besides its audio. */
const ROW_EXTRA_BYTES_MAX = 1024 * 1024;

/** Rows are handed on when they have so many bytes, however few they are: memory is bounded by bytes. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;

/** And after so long, so that a slow line that is cut again and again, or a killed program, loses little of what had come. */
const BATCH_MS_MAX = 5000;

const ROOM_BYTES = BATCH_BYTES_MAX + ROW_EXTRA_BYTES_MAX;

export function createCborReader(): RowReader {
  return new CborSequenceReader({
    itemBytesMax: SEGMENT_BYTES_MAX + ROW_EXTRA_BYTES_MAX,
    roomBytes: ROOM_BYTES,
  });
}

export function createJsonReader(): RowReader {
  const base64BytesMax = (SEGMENT_BYTES_MAX / 3) * 4;
  return new JsonRowReader({ itemBytesMax: base64BytesMax + ROW_EXTRA_BYTES_MAX, roomBytes: ROOM_BYTES });
}

/**
 * The rows of an answer, in batches of at most `rowsMax`. Their audio are views that hold until the next batch is asked for. When
 * the answer breaks off, the rows that had come whole are the last batch, and then its error is thrown. Throws `corrupt` for what is
 * no row, and when the answer ends within one.
 */
export async function* readRows(
  body: AsyncIterable<Uint8Array>,
  reader: RowReader,
  rowsMax: number,
): AsyncGenerator<WireSegment[]> {
  let batch = new Batch();
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const chunk = await orBreak(chunks.next());
      if ("error" in chunk || chunk.done === true) {
        if (batch.rows.length > 0) yield batch.rows;
        if ("error" in chunk) throw chunk.error;
        break;
      }
      reader.push(chunk.value);
      for (let next = reader.next(); ; next = reader.next()) {
        if (next !== undefined) batch.add(toRow(next.item));
        if (batch.isDue(rowsMax)) {
          yield batch.rows;
          reader.release();
          batch = new Batch();
        }
        if (next === undefined) break;
      }
    }
  } finally {
    await chunks.return?.();
  }
  if (!reader.isWhole) throw new AppError("corrupt", "the sender's answer ends within a row");
}

class Batch {
  readonly rows: WireSegment[] = [];
  #bytes = 0;
  #startedMs = 0;

  add(row: WireSegment): void {
    if (this.rows.length === 0) this.#startedMs = performance.now();
    this.rows.push(row);
    this.#bytes += row.audio_data.length;
  }

  isDue(rowsMax: number): boolean {
    if (this.rows.length === 0) return false;
    const isLarge = this.rows.length >= rowsMax || this.#bytes >= BATCH_BYTES_MAX;
    return isLarge || performance.now() - this.#startedMs >= BATCH_MS_MAX;
  }
}

type Broken = { error: unknown };

async function orBreak<T>(promise: Promise<T>): Promise<T | Broken> {
  try {
    return await promise;
  } catch (error) {
    return { error };
  }
}

function toRow(item: unknown): WireSegment {
  const result = wireSegment.safeParse(item);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new AppError(
    "corrupt",
    `the sender sent a row that has not the right shape: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`,
  );
}
