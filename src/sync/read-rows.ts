import { AppError } from "../core/app-error.ts";
import { SEGMENT_BYTES_MAX } from "../core/segment.ts";
import { CborSequenceReader } from "./cbor-sequence.ts";
import { wireSegment, type WireSegment } from "./wire.ts";

/** What a row has besides its audio. */
const ROW_EXTRA_BYTES_MAX = 1024 * 1024;

/** Rows are handed on when they have so many bytes, however few they are: memory is bounded by bytes. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;

/**
 * The rows of a CBOR sequence, in batches of at most `rowsMax`. Their audio are views that hold until the next batch is asked for. When
 * the sequence breaks off, the rows that had come whole are the last batch, and then its error is thrown. Throws `corrupt` for what is
 * no row, and when the sequence ends within one.
 */
export async function* readRows(
  body: AsyncIterable<Uint8Array>,
  rowsMax: number,
): AsyncGenerator<WireSegment[]> {
  const reader = new CborSequenceReader({
    itemBytesMax: SEGMENT_BYTES_MAX + ROW_EXTRA_BYTES_MAX,
    roomBytes: BATCH_BYTES_MAX + ROW_EXTRA_BYTES_MAX,
  });
  let rows: WireSegment[] = [];
  let bytes = 0;
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const chunk = await orBreak(chunks.next());
      if ("error" in chunk || chunk.done === true) {
        if (rows.length > 0) yield rows;
        if ("error" in chunk) throw chunk.error;
        break;
      }
      reader.push(chunk.value);
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        const row = toRow(next.item);
        rows.push(row);
        bytes += row.audio_data.length;
        if (rows.length < rowsMax && bytes < BATCH_BYTES_MAX) continue;
        yield rows;
        reader.release();
        rows = [];
        bytes = 0;
      }
    }
  } finally {
    await chunks.return?.();
  }
  if (reader.restBytes > 0) {
    throw new AppError("corrupt", "the sender's answer ends within a row");
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
