import type { Clock } from "../core/clock.ts";
import type { Frame } from "../audio/frame.ts";
import type { OpenStation } from "./open-station.ts";
import type { Heard } from "./station-stream.ts";

/**
 * A burst has come by then, and with it the time of the first sound to a frame. What is listened to meanwhile is not durable
 * yet: on a usual line this is less than the half second after which the first piece of it is due.
 */
const LISTEN_MS = 250;

/**
 * On a slow line or a busy machine a burst takes longer; each part of it still tells an earlier start than the one before. What a kill
 * takes meanwhile comes again only as far as the burst of the next connection reaches back.
 */
const LISTEN_MS_MAX = 2000;
const EARLIER_MS = 50;

/** A burst does not reach back further. */
const REACH_MS_MAX = 60_000;

/**
 * The last frame came when its sound had just begun, and an encoder fills its last packet up: sound may end so far in the future.
 * Of a later end, the clock has been set since.
 */
const AHEAD_MS_MAX = 100;

/**
 * Leaves out what a new connection repeats of sound that is stored already, though its frames are others: all that left the server
 * before `endMs` of the monotonic clock.
 */
export async function trimOverlap(
  station: OpenStation,
  endMs: number | undefined,
  clock: Clock,
): Promise<void> {
  const { stream } = station;
  const agoMs = clock.monotonicMs() - (endMs ?? -Infinity);
  if (endMs === undefined || agoMs < -AHEAD_MS_MAX || agoMs > REACH_MS_MAX) return;
  const batches: Heard[] = [];
  let heardMs = 0;
  let startMs = Infinity;
  const startedMs = clock.monotonicMs();
  const isBefore = (ms: number): boolean => clock.monotonicMs() - startedMs < ms;
  for (let isBurst = true; isBefore(LISTEN_MS) || (isBurst && isBefore(LISTEN_MS_MAX));) {
    const knownMs = startMs;
    const next = await stream.next();
    if (next.kind !== "heard") break;
    batches.push(next.heard);
    for (const frame of next.heard.frames) {
      startMs = Math.min(startMs, next.heard.arrivalMs - heardMs);
      heardMs += frame.durationSeconds * 1000;
    }
    isBurst = knownMs - startMs > EARLIER_MS;
  }
  let frameEndMs = startMs;
  const isNew = (frame: Frame): boolean => (frameEndMs += frame.durationSeconds * 1000) > endMs;
  stream.unread(batches.map((heard) => ({ ...heard, frames: heard.frames.filter(isNew) })));
}
