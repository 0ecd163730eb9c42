import type { Encode } from "../audio/encoder.ts";
import type { ShowConfig } from "../config/record-config.ts";
import { AppError, type ErrorCode, toReason } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import type { GapReason } from "../core/show-event.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import { FrameHistory } from "./frame-history.ts";
import type { GapLedger } from "./gap-ledger.ts";
import { Session } from "./session.ts";
import { type OpenStation, openStation } from "./open-station.ts";
import type { Ending } from "./station-stream.ts";
import type { StreamSource } from "./stream-source.ts";
import { toUnbrokenStream } from "./unbroken-stream.ts";

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
  random: () => number;
  gaps: GapLedger;
  onArrival: (arrivalMs: number) => void;
  onLost: (ending: Ending) => void;
};

/** What came of one session. */
export type SessionResult = {
  ending: Ending;
  heardSeconds: number;
  /** Unix time at which the stored sound ends; `undefined` when nothing was stored. */
  endMs: number | undefined;
  /** A connection that is open already, for the next session to begin with. */
  next: OpenStation | undefined;
};

/**
 * Records one session, across connections that can be joined exactly, until the station ends it or `signal` aborts. What
 * was heard is stored first; then the reason is told. Nothing that a station, the decoder or the disk does is thrown.
 *
 * It begins with `opened`, where the session before has left a connection, or else with one of its own.
 */
export async function recordSession(
  setting: SessionSetting,
  opened: OpenStation | undefined,
  signal: AbortSignal,
): Promise<SessionResult> {
  let station = opened;
  try {
    setting.writer.finishUnfinished();
    station ??= await openStation(setting, signal);
  } catch (error) {
    station?.stream.close();
    return { ending: toEnding(error, signal), heardSeconds: 0, endMs: undefined, next: undefined };
  }
  const { format } = setting.show;
  const session = new Session({ ...setting, format, air: station.air }, station.events);
  const unbroken = toUnbrokenStream(
    station,
    { ...setting, history: new FrameHistory(), reopen: (signal) => openStation(setting, signal) },
    signal,
  );
  using patience = new Patience(setting.clock, signal);
  try {
    const settings = { input: station.stream.format, format };
    await store(session, setting.encode(session.listen(unbroken), settings, patience.signal));
    const { heardSeconds, endMs, unbrokenEnd } = session;
    return { heardSeconds, endMs, ...unbrokenEnd };
  } catch (error) {
    session.unbrokenEnd.next?.stream.close();
    const { heardSeconds, endMs } = session;
    return { heardSeconds, endMs, ending: toEnding(error, signal), next: undefined };
  }
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

/** A signal that follows another after the time that an encoder needs to empty itself. */
class Patience implements Disposable {
  readonly #over = new AbortController();
  readonly #stop: AbortSignal;
  readonly #clock: Clock;

  constructor(clock: Clock, stop: AbortSignal) {
    this.#clock = clock;
    this.#stop = stop;
    stop.addEventListener("abort", this.#endLater, { once: true });
    if (stop.aborted) this.#endLater();
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  [Symbol.dispose](): void {
    this.#stop.removeEventListener("abort", this.#endLater);
    this.#over.abort();
  }

  readonly #endLater = (): void => {
    void this.#clock.sleep(FLUSH_MS, this.#over.signal).then(() => this.#over.abort());
  };
}

function toEnding(error: unknown, signal: AbortSignal): Ending {
  if (signal.aborted) return { reason: "stopped", detail: "" };
  if (!(error instanceof AppError)) throw error;
  const reason = REASONS[error.code];
  if (reason === undefined) throw error;
  return { reason, detail: toReason(error) };
}
