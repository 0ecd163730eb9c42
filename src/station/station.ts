import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";

import { requireFfmpeg } from "../audio/ffmpeg.ts";
import { AppError, toReason } from "../core/app-error.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { Mount, type MountOptions, type MountStats } from "./mount.ts";
import {
  METAINT_BYTES,
  type StationRequest,
  readRequest,
  toErrorAnswer,
  toStreamHead,
} from "./station-protocol.ts";
import type { StreamShape } from "./tone-feed.ts";

/** A radio station on this machine that sends the tone clock. */
export type StationOptions = {
  mounts: readonly MountOptions[];
  /** 0, or not given: a free one. */
  port?: number;
  /** How far the `Date` header is from the truth, in milliseconds; `"absent"`: there is none. 0 when not given. */
  dateOffsetMs?: number | "absent";
  /** The system's clock when not given. */
  clock?: Clock;
  /** Closes the station. */
  signal?: AbortSignal;
};

/** A station on the air. All faults are of one mount, named by its path; an unknown path is a `not-found` error. */
export interface Station extends AsyncDisposable {
  readonly port: number;
  url(path: string): string;
  stats(path: string): MountStats;
  setTitle(path: string, title: string): void;
  /** Ends all connections now: in order, or with a reset as after a crash. */
  drop(path: string, how?: "end" | "reset"): void;
  /** Sends half of the next frame, then ends all connections. */
  cutMidFrame(path: string): void;
  /**
   * Sends nothing for `ms`, which may be `Infinity`, and keeps connections; a new one gets its answer afterwards. Then the
   * backlog comes at once (`send`, the default), as far as it fits the listener's bound, or is left out (`skip`).
   * Another call replaces the wait; 0 ends it.
   */
  stall(path: string, ms: number, backlog?: "send" | "skip"): void;
  /** Sends random bytes in the middle of the next frame. */
  sendGarbage(path: string, bytes: number): void;
  /** Sends digital silence for `ms`, beginning some seconds from now, and tells when, as Unix time. */
  playSilence(path: string, ms: number): { fromMs: number; toMs: number };
  /** Encodes in another way from the moment the promise resolves; connections stay, the burst is new. */
  changeFormat(path: string, change: Partial<StreamShape>): Promise<void>;
  /** Answers new connections with 503, or closes them without an answer, for `ms`; 0 ends it. */
  refuse(path: string, ms: number, how?: "503" | "close"): void;
  /** Ends all connections and children, and waits until they are gone. */
  close(): Promise<void>;
}

/** A client that has not sent its request after this is dropped. */
const REQUEST_MS_MAX = 5000;

/** Goes on the air: resolves when every mount has its burst and the port is open. */
export async function startStation(options: StationOptions): Promise<Station> {
  options.signal?.throwIfAborted();
  await requireFfmpeg();
  const stop = new AbortController();
  const clock = options.clock ?? systemClock;
  const mounts = new Map(options.mounts.map((mount) => [mount.path, new Mount(mount, clock, stop.signal)]));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // A client that goes away in the middle is everyday life; `close` follows.
    socket.on("error", () => {});
    void answer(socket, { mounts, clock, dateOffsetMs: options.dateOffsetMs ?? 0 });
  });
  let running: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    stop.abort();
    const closed = server.listening ? once(server, "close") : undefined;
    server.close();
    await running;
    await Promise.all([...mounts.values()].map((mount) => mount.close()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const close = (): Promise<void> => (closing ??= closeAll());
  try {
    await Promise.all([...mounts.values()].map((mount) => mount.waitUntilReady()));
    await listen(server, options.port ?? 0);
  } catch (error) {
    await close();
    throw error;
  }
  running = Promise.all([...mounts.values()].map((mount) => mount.run()));
  options.signal?.addEventListener("abort", () => void close(), { once: true });
  return createHandle(mounts, toPort(server), close);
}

type AnswerContext = {
  mounts: ReadonlyMap<string, Mount>;
  clock: Clock;
  dateOffsetMs: number | "absent";
};

async function answer(socket: Socket, context: AnswerContext): Promise<void> {
  socket.setNoDelay(true);
  socket.setTimeout(REQUEST_MS_MAX, () => socket.destroy());
  // Reading fails when the client resets the connection, which is no request either.
  const request = await readRequest(socket).catch(() => undefined);
  socket.setTimeout(0);
  // What a client sends after its request is of no interest, but its end must be noticed.
  socket.resume();
  const mount = request === undefined ? undefined : context.mounts.get(request.path);
  if (request === undefined) return void socket.end(toErrorAnswer("400 Bad Request"));
  if (mount === undefined) return void socket.end(toErrorAnswer("404 Not Found"));
  if (request.method !== "GET") return void socket.end(toErrorAnswer("405 Method Not Allowed"));
  const refusal = mount.admit();
  // A client that is gone already would be listed for ever.
  if (refusal === "close" || socket.destroyed) socket.destroy();
  else if (refusal === "503") socket.end(toErrorAnswer("503 Service Unavailable"));
  else sendStream(socket, mount, request, context);
}

function sendStream(socket: Socket, mount: Mount, request: StationRequest, context: AnswerContext): void {
  const wantsTitles = request.headers.get("icy-metadata") === "1" && mount.options.hasTitles !== false;
  const metaintBytes = wantsTitles ? METAINT_BYTES : undefined;
  const head = toStreamHead({
    statusLine: mount.options.statusLine ?? "HTTP/1.0 200 OK",
    shape: mount.shape,
    name: `Tone clock ${mount.options.path}`,
    dateMs: context.dateOffsetMs === "absent" ? undefined : context.clock.nowMs() + context.dateOffsetMs,
    metaintBytes,
  });
  mount.addListener(socket, head, metaintBytes);
}

async function listen(server: Server, port: number): Promise<void> {
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch (error) {
    throw new AppError("busy", `port ${port} cannot be opened: ${toReason(error)}; choose another one`, {
      cause: error,
    });
  }
}

function toPort(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has an address");
  return address.port;
}

function createHandle(mounts: ReadonlyMap<string, Mount>, port: number, close: () => Promise<void>): Station {
  const at = (path: string): Mount => {
    const mount = mounts.get(path);
    if (mount === undefined)
      throw new AppError("not-found", `the station has no mount ${JSON.stringify(path)}`);
    return mount;
  };
  return {
    port,
    url: (path) => `http://127.0.0.1:${port}${at(path).options.path}`,
    stats: (path) => at(path).stats,
    setTitle(path, title) {
      at(path).title = title;
    },
    drop: (path, how = "end") => at(path).drop(how),
    cutMidFrame: (path) => at(path).cutMidFrame(),
    stall: (path, ms, backlog = "send") => at(path).stall(ms, backlog === "send"),
    sendGarbage: (path, bytes) => at(path).sendGarbage(bytes),
    playSilence: (path, ms) => at(path).playSilence(ms),
    changeFormat: (path, change) => at(path).changeFormat(change),
    refuse: (path, ms, how = "503") => at(path).refuse(ms, how),
    close,
    [Symbol.asyncDispose]: close,
  };
}
