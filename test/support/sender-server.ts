import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";

import { createApp } from "../../src/http/app.ts";
import type { Log } from "../../src/core/log.ts";
import { Receivers } from "../../src/store/receivers.ts";
import { SqliteLibrary } from "../../src/store/library.ts";

/** A request that came, and what the real sender would say to it. */
export type SenderRequest = {
  url: URL;
  /** The part of the path behind the show's name: "metadata", "segments", "events" or "digests"; "" for the list. */
  resource: string;
  /** The answer that a request for another address would get; the same one when absent. */
  ask: (pathAndQuery?: string) => Promise<Response>;
  /** The body of the real answer. */
  json: <T>() => Promise<T>;
};

/** What is said instead of the truth. `undefined` is the truth. */
export type Reply =
  | { json: unknown; status?: number; headers?: Record<string, string> }
  | { raw: (response: ServerResponse) => void }
  | undefined;

export type Tamper = (request: SenderRequest) => Reply | Promise<Reply>;

/** A sender on loopback over the databases of a directory, which can be made to lie. Bind it with `await using`. */
export interface SenderServer extends AsyncDisposable {
  readonly url: string;
  /** Path and query of each request so far. */
  readonly requests: string[];
  /** What the segment requests so far asked for. */
  segmentRequests(): { show: string; startId: number; endId: number; limit: number }[];
  /** Replaces the answers from now on. */
  tamper: Tamper;
}

export type SenderOptions = {
  token?: string;
  tamper?: Tamper;
  log?: Log;
  /** It knows no other format, as a sender of other make. */
  isJsonOnly?: true;
};

const silentLog: Log = { info: () => undefined, warn: () => undefined, child: () => silentLog };

export async function startSender(directory: string, options: SenderOptions = {}): Promise<SenderServer> {
  const app = createApp({
    library: new SqliteLibrary([directory]),
    log: options.log ?? silentLog,
    token: options.token,
    health: () => [],
    receivers: new Receivers(directory),
  });
  const truth = getRequestListener((request) =>
    app.fetch(options.isJsonOnly === true ? toJsonRequest(request) : request),
  );
  const requests: string[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const path = request.url ?? "/";
      requests.push(path);
      const url = new URL(path, "http://sender.invalid");
      const ask = async (other = path): Promise<Response> => await app.request(other);
      const reply = await sender.tamper({
        url,
        resource: url.pathname.split("/")[5] ?? "",
        ask,
        json: async () => JSON.parse(await (await ask()).text()),
      });
      if (reply === undefined) await truth(request, response);
      else if ("raw" in reply) reply.raw(response);
      else {
        response.writeHead(reply.status ?? 200, { "Content-Type": "application/json", ...reply.headers });
        response.end(JSON.stringify(reply.json));
      }
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const sender: SenderServer = {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    segmentRequests: () => requests.filter((path) => path.includes("/segments?")).map(toSegmentRequest),
    tamper: options.tamper ?? (() => undefined),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return sender;
}

/** The same request from a client that takes JSON alone. */
function toJsonRequest(request: Request): Request {
  const headers = new Headers(request.headers);
  headers.set("Accept", "application/json");
  return new Request(request.url, { headers, signal: request.signal });
}

function toSegmentRequest(path: string): { show: string; startId: number; endId: number; limit: number } {
  const url = new URL(path, "http://sender.invalid");
  const read = (name: string): number => Number(url.searchParams.get(name));
  return {
    show: url.pathname.split("/")[4] ?? "",
    startId: read("start_id"),
    endId: read("end_id"),
    limit: read("limit"),
  };
}
