import { type Frame, toSeconds } from "../audio/frame.ts";
import type { Clock } from "../core/clock.ts";
import type { ResumeUpdate } from "../store/recording-state.ts";
import type { OpenStation } from "./open-station.ts";
import { packFrames } from "./pack-frames.ts";
import { isResumable } from "./resume-tail.ts";
import type { Heard } from "./station-stream.ts";

/** A burst has come by then, and with it the time of the first sound to a frame. */
const LISTEN_MS = 250;

/** On a slow line or a busy machine a burst takes longer; each part of it still tells an earlier start than the one before. */
const LISTEN_MS_MAX = 2000;
const EARLIER_MS = 50;

/** A burst does not reach back further. */
const REACH_MS_MAX = 60_000;

/**
 * The last frame came when its sound had just begun, and an encoder fills its last packet up: sound may end so far in the future.
 * Of a later end, the clock has been set since.
 */
const AHEAD_MS_MAX = 100;

export type OverlapParts = {
  clock: Clock;
  /** How often it may be saved. */
  everyMs: number;
  /** Where the sound ends that is stored already, on the monotonic clock, as soon as it is; `undefined` when there is none. */
  stored: Promise<number | undefined>;
  /** Makes durable what a new recorder would need if this one is killed now; not called before all else is stored. */
  save: (draft: ResumeUpdate) => void;
};

/** Whether a burst may reach back to sound that ends at `endMs` of the monotonic clock. */
export function isInReach(endMs: number, clock: Clock): boolean {
  const agoMs = clock.monotonicMs() - endMs;
  return agoMs >= -AHEAD_MS_MAX && agoMs <= REACH_MS_MAX;
}

/**
 * Leaves out what a new connection repeats of sound that is stored already, though its frames are others: all that left the server
 * before that ends. What is listened to for longer than a burst usually takes becomes durable meanwhile; returns how many seconds of it.
 * Throws what `stored` does.
 */
export async function trimOverlap(
  station: OpenStation,
  { clock, everyMs, stored, save }: OverlapParts,
): Promise<number> {
  const { stream } = station;
  const batches: Heard[] = [];
  let heardMs = 0;
  let startMs = Infinity;
  let savedMs = -Infinity;
  let savedSeconds = 0;
  const rest: { isStored: boolean; endMs?: number | undefined } = { isStored: false };
  const setStored = (endMs?: number): unknown => Object.assign(rest, { isStored: true, endMs });
  stored.then(setStored, () => setStored());
  const startedMs = clock.monotonicMs();
  const isBefore = (ms: number): boolean => clock.monotonicMs() - startedMs < ms;
  for (let isBurst = true; !rest.isStored || isBefore(LISTEN_MS) || (isBurst && isBefore(LISTEN_MS_MAX));) {
    const knownMs = startMs;
    const next = await stream.next();
    if (next.kind !== "heard") break;
    batches.push(next.heard);
    for (const frame of next.heard.frames) {
      startMs = Math.min(startMs, next.heard.arrivalMs - heardMs);
      heardMs += frame.durationSeconds * 1000;
    }
    isBurst = knownMs - startMs > EARLIER_MS;
    if (rest.endMs === undefined || isBefore(LISTEN_MS) || clock.monotonicMs() < savedMs + everyMs) continue;
    const frames = leaveOut(batches, startMs, rest.endMs).flatMap((heard) => heard.frames);
    if (frames.length === 0 || !isResumable(stream.format)) continue;
    save(toDraft(station, frames, startMs + heardMs, clock));
    savedMs = clock.monotonicMs();
    savedSeconds = toSeconds(frames);
  }
  const endMs = await stored;
  stream.unread(endMs === undefined ? batches : leaveOut(batches, startMs, endMs));
  return savedSeconds;
}

/** What was heard from `startMs` on, without the frames that end before `endMs`. */
function leaveOut(batches: readonly Heard[], startMs: number, endMs: number): Heard[] {
  let frameEndMs = startMs;
  const isNew = (frame: Frame): boolean => (frameEndMs += frame.durationSeconds * 1000) > endMs;
  return batches.map((heard) => ({ ...heard, frames: heard.frames.filter(isNew), isFirstHeldBack: false }));
}

/** A recording of which nothing is encoded yet, instead of what was durable of the one before. */
function toDraft(
  { stream, air }: OpenStation,
  frames: readonly Frame[],
  endMs: number,
  clock: Clock,
): ResumeUpdate {
  const seconds = toSeconds(frames);
  const startMs = air.toUnixMs(endMs - seconds * 1000);
  const start = { endSample: 0, endSeconds: 0, endMs: startMs, isFound: true, isSettled: false };
  const clocks = { heardMs: air.toUnixMs(clock.monotonicMs()), clockAheadMs: air.aheadOf(clock) };
  return {
    point: { input: stream.format, ...start, ...clocks },
    part: { endSeconds: seconds, frames: packFrames(frames) },
    keepFromSeconds: Infinity,
  };
}
