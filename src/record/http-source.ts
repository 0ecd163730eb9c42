import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

import { AppError, toReason } from "../core/app-error.ts";
import type { StreamConnection, StreamSource } from "./stream-source.ts";

/** A station that has not answered by then is taken for dead. */
const ANSWER_TIMEOUT_MS = 10_000;

const REDIRECTS_MAX = 5;

const USER_AGENT = "save_audio_stream";

/** Where to ask, and with which headers: the configured ones never leave the origin that they were meant for. */
type Target = { url: URL; headers: Readonly<Record<string, string>> };

/** Streams over HTTP and HTTPS, as Icecast and Shoutcast serve them. */
export const httpSource: StreamSource = {
  async connect(station, signal) {
    let target: Target = { url: new URL(station.url), headers: station.headers };
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const response = await get(target, signal);
      const location = response.headers.location;
      const status = response.statusCode ?? 0;
      if (status >= 300 && status < 400 && location !== undefined) {
        response.destroy();
        target = toRedirect(target, location);
        continue;
      }
      if (status === 200) return toConnection(response, target.url);
      response.destroy();
      throw new AppError(
        "network",
        `${target.url.host} answered ${status} ${response.statusMessage ?? ""}`.trim(),
      );
    }
    throw new AppError("network", `${station.url} redirects more than ${REDIRECTS_MAX} times`);
  },
};

async function get(target: Target, signal: AbortSignal): Promise<IncomingMessage> {
  const send = target.url.protocol === "https:" ? httpsRequest : httpRequest;
  const headers = { "User-Agent": USER_AGENT, Accept: "*/*", "Icy-MetaData": "1", ...target.headers };
  const request = send(target.url, { headers, agent: false, signal });
  const tooLate = setTimeout(() => {
    request.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`));
  }, ANSWER_TIMEOUT_MS);
  try {
    request.end();
    const [response]: IncomingMessage[] = await once(request, "response");
    if (response === undefined) throw new Error("no answer");
    return response;
  } catch (error) {
    throw new AppError("network", `${target.url.host}: ${toReason(error)}`, { cause: error });
  } finally {
    clearTimeout(tooLate);
    // Errors after the answer reach whoever reads the body; without a listener here they would end the process.
    request.on("error", () => undefined);
  }
}

function toRedirect(target: Target, location: string): Target {
  const url = URL.canParse(location, target.url) ? new URL(location, target.url) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new AppError(
      "network",
      `${target.url.host} redirects to ${JSON.stringify(location)}, which is no HTTP address`,
    );
  }
  return { url, headers: url.origin === target.url.origin ? target.headers : {} };
}

function toConnection(response: IncomingMessage, url: URL): StreamConnection {
  const encoding = response.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    response.destroy();
    throw new AppError(
      "network",
      `${url.host} compresses its stream (${encoding}) though nobody asked for it`,
    );
  }
  const interval = Number(response.headers["icy-metaint"]);
  const date = Date.parse(response.headers.date ?? "");
  return {
    body: response,
    icyMetaInterval: Number.isSafeInteger(interval) && interval > 0 ? interval : undefined,
    serverDateMs: Number.isNaN(date) ? undefined : date,
    close: () => response.destroy(),
  };
}
