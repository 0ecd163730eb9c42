import { AppError } from "../core/app-error.ts";
import { discard } from "../core/garbage.ts";
import { SEGMENT_BYTES_MAX } from "../core/segment.ts";
import { CborSequenceReader } from "./cbor-reader.ts";
import { JsonRowReader } from "./json-rows.ts";
import type { RowReader } from "./row-reader.ts";
import { wireSegment, type WireSegment } from "./wire.ts";

/** What a row has besides its audio. */
const ROW_EXTRA_BYTES_MAX = 1024 * 1024;

/** Rows are handed on when they have so many bytes, however few they are: memory is bounded by bytes. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;

/** And after so long: a slow line that is cut again and again would else never carry as many as were asked for. */
const BATCH_MS_MAX = 1000;

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

export type BatchSetting = {
  rowsMax: number;
  /** Whether rows that came whole are of use when the rest does not come; those of a page are when it took long, as on a slow line. */
  isStream: boolean;
};

/**
 * The rows of an answer, in batches of at most `rowsMax`. Their audio may be views that hold until the batch after the next is asked for,
 * so that they can be written while that comes. When the answer breaks off, the rows that had come whole may be the last batch, and then
 * its error is thrown. Throws `corrupt` for what is no row, and when the answer ends within one.
 */
export async function* readRows(
  body: AsyncIterable<Uint8Array>,
  reader: RowReader,
  { rowsMax, isStream }: BatchSetting,
): AsyncGenerator<WireSegment[]> {
  reader.release();
  let batch = new Batch();
  let broken: { error: unknown } | undefined;
  for await (const chunk of untilBroken(body, (error) => (broken = { error }))) {
    reader.push(chunk);
    discard(chunk.length);
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
  const isWhole = broken === undefined && reader.isWhole;
  if (batch.rows.length > 0 && (isWhole || isStream || batch.isOld)) yield batch.rows;
  if (broken !== undefined) throw broken.error;
  if (!isWhole) throw new AppError("corrupt", "the sender's answer ends within a row");
}

async function* untilBroken(
  body: AsyncIterable<Uint8Array>,
  onBroken: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    onBroken(error);
  }
}

/** What a row takes besides its bytes. */
const ROW_BYTES = 1000;

class Batch {
  readonly rows: WireSegment[] = [];
  #bytes = 0;
  #startedMs = 0;

  get isOld(): boolean {
    return performance.now() - this.#startedMs >= BATCH_MS_MAX;
  }

  add(row: WireSegment): void {
    if (this.rows.length === 0) this.#startedMs = performance.now();
    this.rows.push(row);
    this.#bytes += ROW_BYTES + row.audio_data.length + (row.loudness?.length ?? 0);
  }

  isDue(rowsMax: number): boolean {
    if (this.rows.length === 0) return false;
    return this.rows.length >= rowsMax || this.#bytes >= BATCH_BYTES_MAX || this.isOld;
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
