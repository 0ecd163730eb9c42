import { type Back, comeBack, type ComeBackParts, type Search } from "./come-back.ts";
import type { FrameHistory } from "./frame-history.ts";
import { type OpenStation, toFollowing } from "./open-station.ts";
import type { Ending } from "./ending.ts";
import type { Heard, Next, StationStream, Stitch } from "./station-stream.ts";

/** A server that was paused as a whole goes on with the old connection, and has kept what was not sent. */
const SILENT_MS_MAX = 30_000;

/** Between attempts to connect to a server that does not answer. */
const SILENT_RETRY_MS = 1000;

/** How a stream was over for good, and the connection that could not be joined to it, if there is one. */
export type UnbrokenEnd = { ending: Ending; next: OpenStation | undefined };

export type UnbrokenParts = ComeBackParts & {
  /** All that was heard is added to it, before it is passed on. */
  history: FrameHistory;
  /** Whether there is another address to listen to when this one is silent. */
  hasFallback: boolean;
  /** Told when a connection is lost or silent, before the attempts to come back. */
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
  const { clock, history } = parts;
  let station = first;
  let isHandedOn = false;
  let burstMs = 0;
  let frameMs = 0;
  let joinedMs = -Infinity;
  let lastArrivalMs = clock.monotonicMs();
  try {
    for (;;) {
      const next = await station.stream.next();
      if (next.kind === "heard") {
        const { frames, arrivalMs } = next.heard;
        history.add(frames);
        frameMs = (frames.at(-1)?.durationSeconds ?? 0) * 1000 || frameMs;
        // A connection that only repeats what is held does not keep the search for a better one going.
        if (frames.length > 0) lastArrivalMs = arrivalMs;
        yield next.heard;
        continue;
      }
      const { ending } = next;
      if (next.kind === "changed") {
        isHandedOn = true;
        return { ending, next: toFollowing(station, first.air.startAt(history.endSeconds)) };
      }
      const isHopeless = frameMs === 0 || ending.reason === "unsupported-format";
      if (signal.aborted || isHopeless) return { ending, next: undefined };
      parts.onLost(ending);
      burstMs = Math.max(burstMs, station.stream.burstMs);
      const frames = history.since().map((frame) => frame.bytes);
      const search: Search = {
        lost: { frames, frameMs, lastArrivalMs },
        burstMs,
        format: station.stream.format,
        joinedMs,
      };
      const back =
        next.kind === "stalled"
          ? await replaceSilent(station.stream, { parts, search }, signal)
          : await comeBack(parts, search, signal);
      if (back === "spoke") continue;
      if (back?.kind !== "joined") {
        const rest = station.stream.takeRest();
        history.add(rest);
        if (rest.length > 0) yield { frames: rest, titles: [], arrivalMs: lastArrivalMs };
        return { ending, next: back?.station };
      }
      station.stream.close();
      ({ station } = back);
      joinedMs = clock.monotonicMs();
      yield toStitchMark(ending, back, { nowMs: clock.monotonicMs(), lastArrivalMs });
    }
  } finally {
    if (!isHandedOn) station.stream.close();
  }
}

/**
 * Looks for another connection while a silent one is still open. The silent one may speak again first: then it goes on, and
 * the other is given up.
 */
async function replaceSilent(
  silent: StationStream,
  { parts, search }: { parts: UnbrokenParts; search: Search },
  signal: AbortSignal,
): Promise<Back | "spoke" | undefined> {
  const spoke = new AbortController();
  let isDecided = false;
  const listen = async (): Promise<void> => {
    const next = await untilItSpeaks(silent);
    if (next.kind === "heard") silent.unread([next.heard]);
    if (!isDecided) spoke.abort();
  };
  const listening = listen();
  listening.catch(() => spoke.abort());
  const either = AbortSignal.any([signal, spoke.signal]);
  const giveUpMs = parts.clock.monotonicMs() + (parts.hasFallback ? 0 : SILENT_MS_MAX);
  let back = await comeBack(parts, search, either);
  while (back === undefined && !either.aborted && parts.clock.monotonicMs() < giveUpMs) {
    await parts.clock.sleep(SILENT_RETRY_MS * (1 + parts.random()), either);
    back = await comeBack(parts, search, either);
  }
  isDecided = true;
  // Its connection ends with the recording, and may bring a last frame.
  if (signal.aborted) await listening;
  if (!spoke.signal.aborted) return back;
  back?.station.stream.close();
  await listening;
  return "spoke";
}

async function untilItSpeaks(silent: StationStream): Promise<Next> {
  for (;;) {
    const next = await silent.next();
    if (next.kind !== "stalled") return next;
  }
}

function toStitchMark(
  ending: Ending,
  joined: { skip: number; isCertain: boolean },
  time: { nowMs: number; lastArrivalMs: number },
): Heard {
  const stitch: Stitch = {
    reason: ending.reason,
    awayMs: time.nowMs - time.lastArrivalMs,
    overlapFrames: joined.skip,
    isCertain: joined.isCertain,
  };
  return { frames: [], titles: [], arrivalMs: time.nowMs, stitch };
}
