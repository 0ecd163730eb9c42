import type { IncomingMessage } from "node:http";

import { AppError, toReason } from "../core/app-error.ts";
import { toTitle } from "../core/title.ts";
import { getAnswer, type Target, toAuthorization } from "./http-get.ts";
import { isPerhapsPlaylist, isText, parsePlaylist, PLAYLIST_BYTES_MAX } from "./playlist.ts";
import type { StreamConnection, StreamSource } from "./stream-source.ts";

/** A playlist that has not come by then is none. */
const PLAYLIST_TIMEOUT_MS = 10_000;

const REDIRECTS_MAX = 5;

/** A playlist may name a playlist that names a stream; more is a loop. */
const PLAYLISTS_MAX = 3;

/** Between two blocks of titles there is sound; servers that leave less than this room for it are broken. */
const METAINT_MIN = 64;

/** Streams over HTTP and HTTPS, as Icecast and Shoutcast serve them, also where a playlist only names them. */
export const httpSource: StreamSource = {
  async connect(station, signal) {
    const url = new URL(station.url);
    const headers = { ...toAuthorization(url), ...station.headers };
    return await connectTo({ url, configured: { origin: url.origin, headers } }, signal, 0);
  },
};

async function connectTo(first: Target, signal: AbortSignal, playlists: number): Promise<StreamConnection> {
  const { response, target } = await follow(first, signal);
  try {
    requirePlain(response, target.url);
    const type = response.headers["content-type"];
    if (!isPerhapsPlaylist(target.url, type)) return toConnection(response, response);
    const { bytes, rest } = await readBeginning(response, target.url);
    const entries = parsePlaylist(bytes, target.url);
    if (entries === undefined) return toConnection(response, rest);
    response.destroy();
    if (playlists === PLAYLISTS_MAX) throw toError(target.url, "names playlists inside of playlists");
    return await connectToFirst(entries, { target, signal, playlists: playlists + 1 });
  } catch (error) {
    response.destroy();
    throw error;
  }
}

/** The first entry that answers with a stream; when none does, the last one's failure is told. */
async function connectToFirst(
  entries: readonly URL[],
  { target, signal, playlists }: { target: Target; signal: AbortSignal; playlists: number },
): Promise<StreamConnection> {
  let failure: unknown = toError(target.url, "answers with a playlist that names no HTTP address");
  for (const url of entries) {
    try {
      return await connectTo({ ...target, url }, signal, playlists);
    } catch (error) {
      if (signal.aborted || !(error instanceof AppError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function follow(
  first: Target,
  signal: AbortSignal,
): Promise<{ response: IncomingMessage; target: Target }> {
  let target = first;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const response = await getAnswer(target, signal);
    const { location } = response.headers;
    const status = response.statusCode ?? 0;
    if (status === 200) return { response, target };
    response.destroy();
    if (status < 300 || status >= 400 || location === undefined) {
      throw toError(target.url, `answered ${status} ${response.statusMessage ?? ""}`.trim());
    }
    target = { ...target, url: toRedirect(target.url, location) };
  }
  throw toError(first.url, `redirects more than ${REDIRECTS_MAX} times`);
}

function toRedirect(from: URL, location: string): URL {
  const url = URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw toError(from, `redirects to ${url?.protocol ?? "something"} and not to an HTTP address`);
}

/** As much of a header as a person reads in a message. */
const HEADER_CHARS_MAX = 40;

function requirePlain(response: IncomingMessage, url: URL): void {
  const encoding = response.headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return;
  throw toError(
    url,
    `compresses its stream (${encoding.slice(0, HEADER_CHARS_MAX)}) though nobody asked for it`,
  );
}

/** As much of a body as tells whether it is a playlist, all of it if it is one, and the body as if nothing had been read. */
async function readBeginning(
  response: IncomingMessage,
  url: URL,
): Promise<{ bytes: Uint8Array; rest: AsyncIterable<Uint8Array> }> {
  const tooLate = setTimeout(() => response.destroy(new Error("no body came")), PLAYLIST_TIMEOUT_MS);
  const chunks: AsyncIterator<Uint8Array> = response[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let isOver = false;
  try {
    for (let length = 0; length <= PLAYLIST_BYTES_MAX;) {
      const next = await chunks.next();
      isOver = next.done === true;
      if (next.done === true) break;
      parts.push(next.value);
      length += next.value.length;
      if (!isText(next.value)) break;
    }
  } catch (error) {
    throw toError(url, toReason(error), error);
  } finally {
    clearTimeout(tooLate);
  }
  async function* rest(): AsyncGenerator<Uint8Array> {
    yield* parts;
    for (
      let next = isOver ? undefined : await chunks.next();
      next?.done === false;
      next = await chunks.next()
    ) {
      yield next.value;
    }
  }
  return { bytes: Buffer.concat(parts), rest: rest() };
}

function toConnection(response: IncomingMessage, body: AsyncIterable<Uint8Array>): StreamConnection {
  const interval = Number(response.headers["icy-metaint"]);
  const date = Date.parse(response.headers.date ?? "");
  return {
    body,
    icyMetaInterval: Number.isSafeInteger(interval) && interval >= METAINT_MIN ? interval : undefined,
    serverDateMs: Number.isNaN(date) ? undefined : date,
    close: () => response.destroy(),
  };
}

/** Addresses may hold passwords, so that only the host is told; and what servers say may hold anything. */
function toError(url: URL, what: string, cause?: unknown): AppError {
  return new AppError("network", `${url.host} ${toTitle(what)}`, { cause });
}
