import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/app-error.ts";
import { FrameHistory } from "./frame-history.ts";
import { type Joined, joinStation } from "./join-station.ts";
import type { OpenStation } from "./open-station.ts";
import type { Ending, Heard, Stitch } from "./station-stream.ts";

/** The first attempt to come back follows at once, but not from all recorders of a dead server together. */
const FIRST_ATTEMPT_MS_MAX = 100;

const ATTEMPT_EVERY_MS = 500;

/** Also the last attempt gets as long as a slow line needs to connect. */
const ATTEMPT_MS_MIN = 1000;

/** However little or much a server seems to send on connect, attempts to join go on at least and at most for this long. */
const BURST_MS_MIN = 2000;
const BURST_MS_MAX = 30_000;

/** How a stream was over for good, and the connection that could not be joined to it, if there is one. */
export type UnbrokenEnd = { ending: Ending; next: OpenStation | undefined };

export type UnbrokenParts = {
  clock: Clock;
  /** Connects once more; throws when that fails. */
  reopen: (signal: AbortSignal) => Promise<OpenStation>;
  /** Told when a connection is lost, before the attempts to come back. */
  onLost: (ending: Ending) => void;
};

/**
 * What a station says across lost connections: as long as a new one can be joined exactly to where the old one broke
 * off, the listener notices nothing but a `stitch`. It ends when that is no longer possible, or `signal` aborts.
 */
export async function* toUnbrokenStream(
  first: OpenStation,
  parts: UnbrokenParts,
  signal: AbortSignal,
): AsyncGenerator<Heard, UnbrokenEnd> {
  const history = new FrameHistory();
  let { heard } = first.stream;
  let { burstMs } = first.stream;
  let station = first;
  let frameMs = 0;
  let lastArrivalMs = parts.clock.monotonicMs();
  try {
    for (;;) {
      const next = await heard.next();
      if (next.done !== true) {
        const { frames, arrivalMs } = next.value;
        history.add(frames.list);
        if (frames.list.length > 0) frameMs = (frames.durationSeconds * 1000) / frames.list.length;
        lastArrivalMs = arrivalMs;
        yield next.value;
        continue;
      }
      const ending = next.value;
      station.connection.close();
      if (signal.aborted || frameMs === 0) return { ending, next: undefined };
      parts.onLost(ending);
      burstMs = Math.max(burstMs, station.stream.burstMs);
      const lost = { frames: history.frames, frameMs, lastArrivalMs };
      const back = await comeBack(parts, { lost, burstMs, format: station.stream.format }, signal);
      if (back?.kind !== "joined") return { ending, next: back?.station };
      ({ station, heard } = back);
      yield toStitchMark(ending, back, { clock: parts.clock, lastArrivalMs });
    }
  } finally {
    await heard.return({ reason: "stopped", detail: "" });
    station.connection.close();
  }
}

type Search = { lost: Parameters<typeof joinStation>[1]; burstMs: number; format: string };
type Back =
  | (Extract<Joined, { kind: "joined" }> & { station: OpenStation })
  | Extract<Joined, { kind: "apart" }>;

/** Tries to connect for as long as a burst can reach back; `undefined` when no connection came of it. */
async function comeBack(
  parts: UnbrokenParts,
  search: Search,
  signal: AbortSignal,
): Promise<Back | undefined> {
  const { clock } = parts;
  const reachMs = Math.min(BURST_MS_MAX, Math.max(BURST_MS_MIN, search.burstMs));
  const endMs = search.lost.lastArrivalMs + reachMs;
  let nextAttemptMs = clock.monotonicMs() + Math.random() * FIRST_ATTEMPT_MS_MAX;
  do {
    await clock.sleep(Math.max(0, nextAttemptMs - clock.monotonicMs()), signal);
    if (signal.aborted) return undefined;
    nextAttemptMs = clock.monotonicMs() + ATTEMPT_EVERY_MS;
    const station = await tryOpen(parts, Math.max(ATTEMPT_MS_MIN, endMs - clock.monotonicMs()), signal);
    if (station === undefined) continue;
    if (station.stream.format !== search.format) return { kind: "apart", station };
    const joined = await joinStation(station, search.lost, clock);
    if (joined.kind === "apart") return joined;
    if (joined.kind === "joined") return { ...joined, station };
    station.connection.close();
  } while (clock.monotonicMs() < endMs);
  return undefined;
}

/** A failed attempt is followed by the next; the reason why the connection was lost is the one that is told. */
async function tryOpen(
  parts: UnbrokenParts,
  withinMs: number,
  signal: AbortSignal,
): Promise<OpenStation | undefined> {
  const isOpen = new AbortController();
  const late = new AbortController();
  const giveUp = async (): Promise<void> => {
    await parts.clock.sleep(withinMs, isOpen.signal);
    if (!isOpen.signal.aborted) late.abort();
  };
  void giveUp();
  try {
    return await parts.reopen(AbortSignal.any([signal, late.signal]));
  } catch (error) {
    if (signal.aborted || error instanceof AppError) return undefined;
    throw error;
  } finally {
    isOpen.abort();
  }
}

function toStitchMark(
  ending: Ending,
  joined: { skip: number; isCertain: boolean },
  time: { clock: Clock; lastArrivalMs: number },
): Heard {
  const arrivalMs = time.clock.monotonicMs();
  const stitch: Stitch = {
    reason: ending.reason,
    awayMs: arrivalMs - time.lastArrivalMs,
    overlapFrames: joined.skip,
    isCertain: joined.isCertain,
  };
  return { frames: { list: [], durationSeconds: 0 }, titles: [], arrivalMs, stitch };
}
