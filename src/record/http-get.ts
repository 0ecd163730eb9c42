import { once } from "node:events";
import type { IncomingMessage, RequestOptions } from "node:http";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { AppError, toReason } from "../core/app-error.ts";
import { http, loadHttps } from "../core/http-modules.ts";
import { acceptIcyAnswer } from "./icy-answer.ts";

/** A station that has not answered by then is taken for dead. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Answers that only say that the real one comes later; a server that sends more of them floods. */
const INTERIM_ANSWERS_MAX = 5;

const USER_AGENT = "save_audio_stream";

/** What to ask for. The configured headers never leave the origin that they were meant for. */
export type Target = {
  url: URL;
  configured: { origin: string; headers: Readonly<Record<string, string>> };
};

/** The head of the answer; its body is to be read, or destroyed. Throws `network`. */
export async function getAnswer(target: Target, signal: AbortSignal): Promise<IncomingMessage> {
  const { url } = target;
  const isTls = url.protocol === "https:";
  const request = (isTls ? loadHttps() : http).request({
    ...toAddress(url),
    path: url.pathname + url.search,
    headers: toHeaders(target),
    signal,
    // Stations write what they like into their heads.
    insecureHTTPParser: true,
    createConnection: isTls ? openTls : openPlain,
  });
  const fail = (why: string): unknown => request.destroy(new Error(why));
  const tooLate = setTimeout(() => fail(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`), ANSWER_TIMEOUT_MS);
  let interimAnswers = 0;
  request.on("information", () => {
    if (++interimAnswers > INTERIM_ANSWERS_MAX) fail("only interim answers");
  });
  try {
    request.end();
    const [response]: IncomingMessage[] = await once(request, "response");
    if (response === undefined) throw new Error("no answer");
    return response;
  } catch (error) {
    throw new AppError("network", `${url.host}: ${toReason(error)}`, { cause: error });
  } finally {
    clearTimeout(tooLate);
    // Errors after the answer reach whoever reads the body; without a listener here they would end the process.
    request.on("error", () => undefined);
  }
}

/** A URL writes addresses of IPv6 in brackets, a socket wants them without. */
function toAddress(url: URL): { host: string; port: number } {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(url.port) || (url.protocol === "https:" ? 443 : 80) };
}

function toHeaders({ url, configured }: Target): Record<string, string> {
  const isMeantFor = url.origin === configured.origin;
  return {
    "User-Agent": USER_AGENT,
    Host: url.host,
    Accept: "*/*",
    "Icy-MetaData": "1",
    ...toAuthorization(url),
    ...(isMeantFor ? configured.headers : {}),
  };
}

/** The user and password in an address are told as servers expect it. */
export function toAuthorization({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const userInfo = Buffer.from(`${decode(username)}:${decode(password)}`);
  return { Authorization: `Basic ${userInfo.toString("base64")}` };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function openPlain(options: RequestOptions): Socket {
  return acceptIcyAnswer(connectPlain({ host: options.host ?? "", port: Number(options.port) }));
}

function openTls(options: RequestOptions): Socket {
  const host = options.host ?? "";
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return acceptIcyAnswer(connectTls({ host, port: Number(options.port), ...servername }));
}
