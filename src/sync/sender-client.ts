import type { z } from "zod";

import { AppError, toReason } from "../core/app-error.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import type { Answer, Transport } from "./transport.ts";
import { type BatchSetting, createCborReader, createJsonReader, readRows } from "./read-rows.ts";
import type { RowReader } from "./row-reader.ts";
import {
  CBOR_SEQUENCE,
  type WireAcknowledgement,
  type WireDigest,
  wireDigests,
  type WireEvent,
  wireEvents,
  type WireMetadata,
  wireMetadata,
  type WireSegment,
  wireShows,
} from "./wire.ts";

/** For answers that are read whole: 500 events of the longest kind have half of it. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Values in one answer, counted by the marks that divide them, before they are parsed: 64 MiB of empty lists would be
 * gigabytes of objects. The largest honest answers, 10,000 digests or 500 long titles, have half of it.
 */
const VALUES_MAX = 500_000;
/** 1 for each byte that is one of these marks. */
const VALUE_MARKS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  ",[{".includes(String.fromCharCode(byte)) ? 1 : 0,
);

/** How much of a refusal is read for its message. */
const PROBLEM_BYTES_MAX = 16_384;

const TOKEN_HINT = "give the sender's token with --token-file";
const REDIRECT_HINT =
  "redirects are not followed; give the address that it leads to, such as https instead of http";

/** What to do about some answers, by their status. */
const HINTS: ReadonlyMap<number, string> = new Map([
  [401, TOKEN_HINT],
  ...[301, 302, 303, 307, 308].map((status) => [status, REDIRECT_HINT] as const),
]);

const JSON_TYPE = "application/json";

/** What a server says of a method that it does not know (RFC 9110, 15.6.2). */
const NOT_IMPLEMENTED = 501;

/** All that there can be. */
const STREAMED_ROWS_MAX = 1_000_000_000;

/** Asks one sender, and believes nothing that does not have the shape it should have. */
export class SenderClient {
  readonly #url: string;
  readonly #transport: Transport;

  /** `url` is for messages. */
  constructor(url: string, transport: Transport) {
    this.#url = url;
    this.#transport = transport;
  }

  async showNames(signal: AbortSignal): Promise<string[]> {
    const { shows } = await this.#get("/api/sync/shows", wireShows, signal);
    return shows.map((show) => show.name);
  }

  async metadata(name: string, signal: AbortSignal): Promise<WireMetadata> {
    return await this.#get(toPath(name, "metadata"), wireMetadata, signal);
  }

  /**
   * The rows of a range, in batches of at most `rowsMax`, until the last one is there or no row is left. A sender that can streams them
   * in one long answer, any other is asked for page after page; what was committed of the rows so far need not be fetched again after
   * an error. Audio of a stream is shared memory that holds until the batch after the next is asked for. Whoever reads a batch checks it
   * before the next.
   */
  async *segments(
    name: string,
    range: { startId: number; endId: number },
    rowsMax: number,
    signal: AbortSignal,
  ): AsyncGenerator<WireSegment[]> {
    let { startId } = range;
    let limit = rowsMax;
    const cborReader = createCborReader();
    while (startId <= range.endId) {
      const path = `${toPath(name, "segments")}?start_id=${startId}&end_id=${range.endId}&limit=${limit}`;
      const answer = await this.#ask(path, `${CBOR_SEQUENCE}, ${JSON_TYPE};q=0.5`, signal);
      const isStream = answer.contentType?.split(";")[0]?.trim().toLowerCase() === CBOR_SEQUENCE;
      const batches = this.#readRows(path, answer, {
        reader: isStream ? cborReader : createJsonReader(),
        // Of a page that is longer than was asked for, nothing is handed on.
        rowsMax: isStream ? rowsMax : limit + 1,
        isStream,
      });
      let rows = 0;
      for await (const batch of batches) {
        rows += batch.length;
        if (rows > limit) throw toTooMany(rows, limit);
        startId = (batch.at(-1)?.id ?? startId) + 1;
        yield batch;
      }
      if (rows === 0) return;
      // Only a sender that has shown that it can is asked for all the rest at once.
      if (isStream) limit = STREAMED_ROWS_MAX;
    }
  }

  /** `undefined`: this sender keeps no events. */
  async events(
    name: string,
    page: { afterId: number; limit: number },
    signal: AbortSignal,
  ): Promise<WireEvent[] | undefined> {
    const query = `?after_id=${page.afterId}&limit=${page.limit}`;
    return await this.#getIfThere(toPath(name, "events") + query, wireEvents, signal);
  }

  /** `undefined`: this sender knows no digests. */
  async digests(
    name: string,
    range: { startId: number; endId: number },
    signal: AbortSignal,
  ): Promise<WireDigest[] | undefined> {
    const query = `?start_id=${range.startId}&end_id=${range.endId}`;
    return await this.#getIfThere(toPath(name, "digests") + query, wireDigests, signal);
  }

  /**
   * Tells the sender what a receiver has for good; for senders whose metadata says that they keep it. What stands between may let
   * questions through and nothing else: then the sender does not know, and that is no reason to fail.
   */
  async acknowledge(
    name: string,
    receiver: string,
    lastSyncedId: number,
    signal: AbortSignal,
  ): Promise<void> {
    const path = toPath(name, `receivers/${encodeURIComponent(receiver)}`);
    const put: WireAcknowledgement = { last_synced_id: lastSyncedId };
    const answer = await this.#transport({ path, accept: JSON_TYPE, put }, signal);
    if (answer.status >= 500 && answer.status !== NOT_IMPLEMENTED) throw await this.#toRefusal(path, answer);
    answer.discard();
  }

  async #get<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    return await this.#read(path, await this.#ask(path, JSON_TYPE, signal), schema);
  }

  async #ask(path: string, accept: string, signal: AbortSignal): Promise<Answer> {
    const answer = await this.#transport({ path, accept }, signal);
    if (answer.status !== 200) throw await this.#toRefusal(path, answer);
    this.#requireData(path, answer);
    return answer;
  }

  async #getIfThere<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T | undefined> {
    const answer = await this.#transport({ path, accept: JSON_TYPE }, signal);
    if (answer.status === 200) {
      this.#requireData(path, answer);
      return await this.#read(path, answer, schema);
    }
    const refusal = await this.#toRefusal(path, answer);
    if (answer.status === 404) return undefined;
    throw refusal;
  }

  /** A page for people is some other server's, or a portal's, and not worth reading. */
  #requireData(path: string, { contentEncoding = "identity", contentType = "", discard }: Answer): void {
    const isPage = contentType.toLowerCase().startsWith("text/html");
    if (contentEncoding === "identity" && !isPage) return;
    discard();
    const what = isPage
      ? "a web page (text/html)"
      : `compressed (${contentEncoding}) though nobody asked for it`;
    throw new AppError("network", `${this.#url}${path} is ${what}`);
  }

  async *#readRows(
    path: string,
    answer: Answer,
    { reader, ...setting }: BatchSetting & { reader: RowReader },
  ): AsyncGenerator<WireSegment[]> {
    try {
      yield* readRows(answer.body, reader, setting);
    } catch (error) {
      if (!(error instanceof AppError)) throw this.#toBroken(path, error);
      throw new AppError(error.code, `${this.#url}${path}: ${error.message}`, { cause: error });
    } finally {
      answer.discard();
    }
  }

  async #read<T>(path: string, answer: Answer, schema: z.ZodType<T>): Promise<T> {
    const bytes = await this.#collect(path, answer.body, BODY_BYTES_MAX);
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(bytes));
    } catch (error) {
      throw new AppError("network", `${this.#url}${path} is no JSON: ${toReason(error)}`, { cause: error });
    }
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    const where = issue?.path.join(".") ?? "";
    throw new AppError(
      "network",
      `${this.#url}${path} has not the right shape: ${where}: ${issue?.message ?? ""}`,
    );
  }

  async #toRefusal(path: string, { status, body }: Answer): Promise<AppError> {
    const text = new TextDecoder().decode(
      await this.#collect(path, body, PROBLEM_BYTES_MAX).catch(() => undefined),
    );
    const detail = /"detail"\s*:\s*"([^"]{1,300})"/.exec(text)?.[1];
    const hint = HINTS.get(status) ?? detail ?? "";
    return new AppError("network", `${this.#url}${path} answered ${status}${hint === "" ? "" : `: ${hint}`}`);
  }

  async #collect(path: string, body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let values = 0;
    try {
      for await (const chunk of body) {
        bytes += chunk.length;
        if (bytes > bytesMax)
          throw new AppError("network", `${this.#url}${path} is longer than ${bytesMax} bytes`);
        values += countValues(chunk);
        if (values > VALUES_MAX)
          throw new AppError("network", `${this.#url}${path} has more than ${VALUES_MAX} values`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof AppError ? error : this.#toBroken(path, error);
    }
    return concatBytes(chunks);
  }

  #toBroken(path: string, cause: unknown): AppError {
    return new AppError("network", `${this.#url}${path} broke off: ${toReason(cause)}`, { cause });
  }
}

function toTooMany(rows: number, limit: number): AppError {
  return new AppError("corrupt", `the sender sent ${rows} segments where ${limit} were asked for`);
}

function countValues(chunk: Uint8Array): number {
  let values = 0;
  for (const byte of chunk) values += VALUE_MARKS[byte] ?? 0;
  return values;
}

function toPath(name: string, resource: string): string {
  return `/api/sync/shows/${encodeURIComponent(name)}/${resource}`;
}
