import type { Clock } from "../core/clock.ts";
import { findJoin, type Join } from "./find-join.ts";
import type { Ending } from "./ending.ts";
import type { Heard, StationStream } from "./station-stream.ts";

/** What several matches would do for is decided by the time away after this long: a burst has come by then. */
const LIKELY_AFTER_MS = 700;

/** A relay may lag behind the one that was heard before; longer than this is no lag but another programme. */
const OPEN_MS_MAX = 5000;

/** How far a match that the frames alone do not prove may be from the time away. */
const TOLERANCE_MS = 500;

/** What was heard before the connection was lost. */
export type Lost = {
  frames: readonly Uint8Array[];
  frameMs: number;
  /** When the last of them came, on the monotonic clock. */
  lastArrivalMs: number;
};

/**
 * What a new connection is to the lost one: `joined`, and its next frames go on exactly after the lost ones; or `apart`,
 * and it begins a session of its own from its first frame; or `ended` before that could be told.
 */
export type Joined =
  | { kind: "joined"; skip: number; isCertain: boolean }
  | { kind: "apart" }
  | { kind: "ended"; ending: Ending };

/** Reads a new connection until it is clear whether it goes on where the lost one broke off. */
export async function joinStation(stream: StationStream, lost: Lost, clock: Clock): Promise<Joined> {
  const batches: Heard[] = [];
  const startMs = clock.monotonicMs();
  for (;;) {
    const next = await stream.next();
    if (next.kind !== "heard") {
      stream.unread(batches);
      return { kind: "ended", ending: next.ending };
    }
    batches.push(next.heard);
    const join = search(batches, { ...lost, arePages: stream.format === "ogg" }, clock.monotonicMs());
    const elapsedMs = clock.monotonicMs() - startMs;
    const isDecided = join.kind === "certain" || (join.kind === "likely" && elapsedMs >= LIKELY_AFTER_MS);
    if ("skip" in join && isDecided) {
      stream.unread(dropFrames(batches, join.skip));
      return { kind: "joined", skip: join.skip, isCertain: join.kind === "certain" };
    }
    const isLate = join.kind === "late" && elapsedMs >= LIKELY_AFTER_MS;
    if (join.kind === "none" || isLate || elapsedMs >= OPEN_MS_MAX) {
      stream.unread(batches);
      return { kind: "apart" };
    }
  }
}

function search(batches: readonly Heard[], lost: Lost & { arePages: boolean }, nowMs: number): Join {
  return findJoin({
    held: lost.frames,
    fresh: batches.flatMap((batch) => batch.frames.map((frame) => frame.bytes)),
    newFramesExpected: (nowMs - lost.lastArrivalMs) / lost.frameMs,
    arePages: lost.arePages,
    toleranceFrames: TOLERANCE_MS / lost.frameMs,
  });
}

/** Of the titles that were told with frames that are dropped, only the newest is news, if any. */
function dropFrames(batches: readonly Heard[], count: number): Heard[] {
  let left = count;
  let title: string | undefined;
  return batches.map((batch) => {
    if (left === 0) return batch;
    const frames = batch.frames.slice(left);
    left = Math.max(0, left - batch.frames.length);
    title = batch.titles.at(-1) ?? title;
    const titles = left > 0 || title === undefined ? [] : [title];
    return { frames, titles, arrivalMs: batch.arrivalMs };
  });
}
