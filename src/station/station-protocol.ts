import type { Socket } from "node:net";

import type { FrameFormat } from "../audio/frame.ts";
import type { StreamShape } from "./tone-feed.ts";

/** What a client asked for. Names of headers are in lower case. */
export type StationRequest = { method: string; path: string; headers: ReadonlyMap<string, string> };

/** Audio bytes between two blocks of metadata; what Icecast uses. */
export const METAINT_BYTES = 16_000;

/** What the head of a stream says. */
export type StreamHead = {
  statusLine: string;
  shape: StreamShape;
  name: string;
  /** Unix time for the `Date` header; `undefined` leaves it out. */
  dateMs: number | undefined;
  metaintBytes: number | undefined;
};

/** A head of more than this is not read to its end. */
const HEAD_BYTES_MAX = 8192;

const CONTENT_TYPES: Readonly<Record<FrameFormat, string>> = { mp3: "audio/mpeg", aac: "audio/aac" };

/** Reads the head of a request. `undefined`: the client went away, or what it sent is no request. */
export async function readRequest(socket: Socket): Promise<StationRequest | undefined> {
  let text = "";
  const chunks: AsyncIterable<Buffer> = socket.iterator({ destroyOnReturn: false });
  for await (const chunk of chunks) {
    text += chunk.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end >= 0) return parseRequest(text.slice(0, end));
    if (text.length > HEAD_BYTES_MAX) return undefined;
  }
  return undefined;
}

function parseRequest(head: string): StationRequest | undefined {
  const [requestLine = "", ...lines] = head.split("\r\n");
  const [method, target, version] = requestLine.split(" ");
  if (method === undefined || target === undefined || version?.startsWith("HTTP/1.") !== true)
    return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { method, path: target.split("?", 1)[0] ?? "", headers };
}

/** The head of a stream as Icecast sends it: no length, and the end of the connection is the end of the body. */
export function toStreamHead(head: StreamHead): string {
  const lines = [
    head.statusLine,
    "Server: save_audio_stream station",
    "Connection: Close",
    ...(head.dateMs === undefined ? [] : [`Date: ${new Date(head.dateMs).toUTCString()}`]),
    `Content-Type: ${CONTENT_TYPES[head.shape.format]}`,
    "Cache-Control: no-cache, no-store",
    `icy-name: ${head.name}`,
    `icy-br: ${head.shape.bitrateKbps}`,
    "icy-pub: 0",
    ...(head.metaintBytes === undefined ? [] : [`icy-metaint: ${head.metaintBytes}`]),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** A whole answer that is no stream. */
export function toErrorAnswer(status: string): string {
  const body = `${status}\n`;
  return `HTTP/1.0 ${status}\r\nConnection: Close\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}
