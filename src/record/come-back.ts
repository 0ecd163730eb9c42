import { AppError } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import { type Joined, joinStation, type Lost } from "./join-station.ts";
import type { OpenStation } from "./open-station.ts";

/** The first attempt to come back follows at once, but not from all recorders of a dead server together. */
const FIRST_ATTEMPT_MS_MAX = 100;

const ATTEMPT_EVERY_MS = 500;

/** Also the last attempt gets as long as a slow line needs to connect. */
const ATTEMPT_MS_MIN = 1000;

/** However little or much a server seems to send on connect, attempts to join go on at least and at most for this long. */
const BURST_MS_MIN = 2000;
const BURST_MS_MAX = 30_000;

export type ComeBackParts = {
  clock: Clock;
  random: () => number;
  /** Connects once more; throws when that fails. */
  reopen: (signal: AbortSignal) => Promise<OpenStation>;
};

/** What was lost, and how far back a new connection may reach. */
export type Search = {
  lost: Lost;
  burstMs: number;
  format: string;
  /** When the connection that was lost had been joined; −∞ when it was the first. */
  joinedMs: number;
};

/** A connection that goes on exactly where the lost one broke off, or one that does not. */
export type Back = Extract<Joined, { kind: "joined" | "apart" }> & { station: OpenStation };

/** Tries to connect for as long as a burst can reach back; `undefined` when no connection came of it. */
export async function comeBack(
  parts: ComeBackParts,
  search: Search,
  signal: AbortSignal,
): Promise<Back | undefined> {
  const { clock } = parts;
  const reachMs = Math.min(BURST_MS_MAX, Math.max(BURST_MS_MIN, search.burstMs));
  const endMs = search.lost.lastArrivalMs + reachMs;
  let nextAttemptMs = Math.max(
    clock.monotonicMs() + parts.random() * FIRST_ATTEMPT_MS_MAX,
    search.joinedMs + ATTEMPT_EVERY_MS,
  );
  do {
    await clock.sleep(Math.max(0, nextAttemptMs - clock.monotonicMs()), signal);
    if (signal.aborted) return undefined;
    nextAttemptMs = clock.monotonicMs() + ATTEMPT_EVERY_MS;
    const station = await tryOpen(parts, Math.max(ATTEMPT_MS_MIN, endMs - clock.monotonicMs()), signal);
    if (station === undefined) continue;
    if (station.stream.format !== search.format) return { kind: "apart", station };
    const joined = await joinStation(station.stream, search.lost, clock);
    if (joined.kind !== "ended") return { ...joined, station };
    station.stream.close();
  } while (clock.monotonicMs() < endMs);
  return undefined;
}

/** A failed attempt is followed by the next; the reason why the connection was lost is the one that is told. */
async function tryOpen(
  parts: ComeBackParts,
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
