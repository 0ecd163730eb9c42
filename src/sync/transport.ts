import { once } from "node:events";
import type { IncomingMessage } from "node:http";

import { AppError, toReason } from "../core/app-error.ts";
import { http, loadHttps } from "../core/http-modules.ts";

/** A sender that is silent for this long is taken for gone. */
const IDLE_TIMEOUT_MS = 30_000;

const JSON_HEADERS = { "Content-Type": "application/json" };

/** An answer whose body has not been read yet. */
export type Answer = {
  status: number;
  contentType: string | undefined;
  contentEncoding: string | undefined;
  body: AsyncIterable<Uint8Array>;
  /** Ends the connection, for a body that nobody reads to its end: an open one would keep the program running. */
  discard: () => void;
};

/** A path below the sender's root, such as `/api/sync/shows`; with `put`, JSON that is put there. */
export type Question = { path: string; accept: string; put?: unknown };

/** Asks a sender. Throws `network` when no answer comes. */
export type Transport = (question: Question, signal: AbortSignal) => Promise<Answer>;

/** Asks over HTTP or HTTPS. Redirects are not followed, so the token never leaves the sender that it belongs to. */
export function createHttpTransport(root: URL, token: string | undefined): Transport {
  const send = root.protocol === "https:" ? loadHttps().request : http.request;
  const prefix = root.pathname.replace(/\/+$/, "");
  const headers = {
    "Accept-Encoding": "identity",
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
  };
  return async ({ path, accept, put }, signal) => {
    const url = toUrl(root, prefix + path);
    const body = put === undefined ? undefined : JSON.stringify(put);
    const request = send(url, {
      method: body === undefined ? "GET" : "PUT",
      headers: { ...headers, Accept: accept, ...(body === undefined ? {} : JSON_HEADERS) },
      signal,
      timeout: IDLE_TIMEOUT_MS,
    });
    request.on("timeout", () => {
      request.destroy(new Error(`nothing came for ${IDLE_TIMEOUT_MS / 1000} s`));
    });
    try {
      request.end(body);
      const [response]: IncomingMessage[] = await once(request, "response");
      if (response === undefined) throw new Error("no answer");
      const { "content-encoding": contentEncoding, "content-type": contentType } = response.headers;
      return {
        status: response.statusCode ?? 0,
        contentType,
        contentEncoding,
        body: response,
        discard: () => void response.destroy(),
      };
    } catch (error) {
      throw new AppError("network", `${toShownUrl(url)}: ${toReason(error)}`, { cause: error });
    } finally {
      // Errors after the answer reach whoever reads the body; without a listener here they would end the process.
      request.on("error", () => undefined);
    }
  };
}

/** Only the path is replaced: resolved against the root, one that begins with two slashes would name another server. */
function toUrl(root: URL, pathAndQuery: string): URL {
  const url = new URL(root);
  const [path = "", query = ""] = pathAndQuery.split("?");
  url.pathname = path;
  url.search = query;
  return url;
}

/** The address for messages, without the password that may be in it. */
export function toShownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/$/, "")}${url.search}`;
}
