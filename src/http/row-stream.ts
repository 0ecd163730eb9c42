import { discard } from "../core/garbage.ts";
import type { IdRange, ShowReader } from "../store/show-reader.ts";
import { toCborSequence } from "../sync/cbor-writer.ts";
import { toCborSegment } from "../sync/wire.ts";

/** Read and sent at a time: few statements and writes, and short enough that nobody else waits for it. */
const BATCH_ROWS = 64;
const BATCH_BYTES_MAX = 1024 * 1024;

/**
 * Rows as a CBOR sequence, read as fast as the other side takes them. Between two batches no transaction is open, so that a slow
 * receiver pins no log; rows that are deleted meanwhile are left out. Closes the reader when nobody reads any more.
 */
export function toRowStream(
  reader: ShowReader,
  range: IdRange & { limit: number },
): ReadableStream<Uint8Array> {
  const batches = readBatches(reader, range);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await batches.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await batches.return(undefined);
    },
  });
}

async function* readBatches(
  reader: ShowReader,
  { startId, endId, limit }: IdRange & { limit: number },
): AsyncGenerator<Uint8Array, undefined, undefined> {
  await using _ = reader;
  for (let [nextId, left] = [startId, limit]; nextId <= endId && left > 0;) {
    const page = { startId: nextId, endId, limit: Math.min(left, BATCH_ROWS), bytesMax: BATCH_BYTES_MAX };
    const segments = await reader.segments(page);
    const last = segments.at(-1);
    if (last === undefined) return;
    nextId = last.id + 1;
    left -= segments.length;
    const encoded = toCborSequence(segments.map(toCborSegment));
    discard(encoded.length);
    yield encoded;
  }
}
