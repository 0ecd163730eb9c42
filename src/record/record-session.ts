import type { Encode } from "../audio/encoder.ts";
import type { ShowConfig } from "../config/record-config.ts";
import { AppError, type ErrorCode, toReason } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import type { GapReason, NewShowEvent } from "../core/show-event.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import { AirClock, toClockErrorMs } from "./air-clock.ts";
import type { GapLedger } from "./gap-ledger.ts";
import { Session } from "./session.ts";
import { type Ending, openStationStream, type StationStream } from "./station-stream.ts";
import type { StreamConnection, StreamSource } from "./stream-source.ts";

/** An encoder that has not emptied itself by then is killed, so that the program ends within two seconds. */
const FLUSH_MS = 1200;

/** The failures that a session may end with; any other is a bug or a broken database. */
const REASONS: Readonly<Partial<Record<ErrorCode, GapReason>>> = {
  network: "connect-failed",
  unsupported: "unsupported-format",
  decoder: "decoder-failed",
  "disk-full": "disk-full",
};

export type SessionSetting = {
  show: ShowConfig;
  url: string;
  source: StreamSource;
  encode: Encode;
  writer: ShowWriter;
  clock: Clock;
  gaps: GapLedger;
  onArrival: (arrivalMs: number) => void;
};

/** What came of one connection. */
export type SessionResult = {
  ending: Ending;
  heardSeconds: number;
  /** Unix time at which the stored sound ends; `undefined` when nothing was stored. */
  endMs: number | undefined;
};

/**
 * Records one connection as one session, until it ends by itself or `signal` aborts. What was heard is stored first;
 * then the reason is told. Nothing that a station, the decoder or the disk does is thrown.
 */
export async function recordSession(setting: SessionSetting, signal: AbortSignal): Promise<SessionResult> {
  const opened = await open(setting, signal);
  if ("ending" in opened) return { ...opened, heardSeconds: 0, endMs: undefined };
  const { connection, stream, air, events } = opened;
  const { format } = setting.show;
  const session = new Session({ ...setting, format, air }, events);
  const flush = new AbortController();
  const killLater = (): void => void setting.clock.sleep(FLUSH_MS, flush.signal).then(() => flush.abort());
  signal.addEventListener("abort", killLater, { once: true });
  if (signal.aborted) killLater();
  let { ending } = session;
  try {
    const encoded = setting.encode(session.listen(stream), { input: stream.format, format }, flush.signal);
    await store(session, encoded);
    ({ ending } = session);
  } catch (error) {
    ending = toEnding(error, signal);
  } finally {
    signal.removeEventListener("abort", killLater);
    flush.abort();
    connection.close();
  }
  return { ending, heardSeconds: session.heardSeconds, endMs: session.endMs };
}

/** Stores all that the encoder emits, also what it emitted before it failed. */
async function store(session: Session, encoded: AsyncGenerator<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of encoded) session.add(chunk);
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "decoder") session.end();
    throw error;
  }
  session.end();
}

type Opened = {
  connection: StreamConnection;
  stream: StationStream;
  air: AirClock;
  events: NewShowEvent[];
};

async function open(setting: SessionSetting, signal: AbortSignal): Promise<Opened | { ending: Ending }> {
  const { clock, show, url } = setting;
  let connection: StreamConnection | undefined;
  try {
    setting.writer.finishUnfinished();
    connection = await setting.source.connect({ url, headers: show.headers }, signal);
    const wallMs = clock.nowMs();
    const air = new AirClock({ wallMs, monotonicMs: clock.monotonicMs() }, connection.serverDateMs);
    const stream = await openStationStream(connection, clock, signal);
    const events: NewShowEvent[] = [{ timestampMs: wallMs, kind: "start", data: { input: stream.format } }];
    const errorMs = toClockErrorMs(wallMs, connection.serverDateMs);
    if (errorMs !== 0)
      events.push({ timestampMs: wallMs, kind: "clock-difference", data: { error_ms: errorMs } });
    return { connection, stream, air, events };
  } catch (error) {
    connection?.close();
    return { ending: toEnding(error, signal) };
  }
}

function toEnding(error: unknown, signal: AbortSignal): Ending {
  if (signal.aborted) return { reason: "stopped", detail: "" };
  if (!(error instanceof AppError)) throw error;
  const reason = REASONS[error.code];
  if (reason === undefined) throw error;
  return { reason, detail: toReason(error) };
}
