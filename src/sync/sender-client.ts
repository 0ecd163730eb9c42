import type { z } from "zod";

import { AppError, toReason } from "../core/app-error.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import type { Answer, Transport } from "./transport.ts";
import {
  type WireDigest,
  wireDigests,
  type WireEvent,
  wireEvents,
  type WireMetadata,
  wireMetadata,
  type WireSegment,
  wireSegments,
  wireShows,
} from "./wire.ts";

/** Enough for 100 rows of an hour of sound at 16 kbit/s, and below the longest string there can be. */
const BODY_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Values in one answer, counted by the marks that divide them, before they are parsed: 256 MiB of empty lists would be
 * gigabytes of objects. The largest honest answers, 10,000 rows of eight values or 500 long titles, have half of it.
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

type IdPage = { startId: number; endId: number; limit: number };

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

  async segments(name: string, page: IdPage, signal: AbortSignal): Promise<WireSegment[]> {
    const query = `?start_id=${page.startId}&end_id=${page.endId}&limit=${page.limit}`;
    return await this.#get(toPath(name, "segments") + query, wireSegments, signal);
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

  async #get<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const answer = await this.#transport(path, signal);
    if (answer.status !== 200) throw await this.#toRefusal(path, answer);
    return await this.#read(path, answer, schema);
  }

  async #getIfThere<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T | undefined> {
    const answer = await this.#transport(path, signal);
    if (answer.status === 200) return await this.#read(path, answer, schema);
    const refusal = await this.#toRefusal(path, answer);
    if (answer.status === 404) return undefined;
    throw refusal;
  }

  async #read<T>(path: string, answer: Answer, schema: z.ZodType<T>): Promise<T> {
    const { contentEncoding } = answer;
    if (contentEncoding !== undefined && contentEncoding !== "identity") {
      answer.discard();
      throw new AppError(
        "network",
        `${this.#url}${path} is compressed (${contentEncoding}) though nobody asked for it`,
      );
    }
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
      if (error instanceof AppError) throw error;
      throw new AppError("network", `${this.#url}${path} broke off: ${toReason(error)}`, { cause: error });
    }
    return concatBytes(chunks);
  }
}

function countValues(chunk: Uint8Array): number {
  let values = 0;
  for (const byte of chunk) values += VALUE_MARKS[byte] ?? 0;
  return values;
}

function toPath(name: string, resource: string): string {
  return `/api/sync/shows/${encodeURIComponent(name)}/${resource}`;
}
