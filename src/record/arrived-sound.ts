import { toSeconds } from "../audio/frame.ts";
import type { Heard } from "./station-stream.ts";

/** A long page of Ogg is sent when its last packet is complete: only its end is as new as its arrival. */
const NEWEST_SECONDS = 0.05;

/**
 * Frames that came together: where the first and the last of them begin, in the sound of the recording, and whether there were bytes
 * before them that are no frames.
 */
export type ArrivedSound = { firstSeconds: number; lastSeconds: number; isBehindDamage?: boolean };

/** What an arrival says of when its sound was sent, which ends at `endSeconds` of the recording; `undefined` when it brought none. */
export function toArrivedSound(heard: Heard, endSeconds: number): ArrivedSound | undefined {
  const { frames, isFirstHeldBack, isBehindDamage = false } = heard;
  const last = frames.at(-1);
  if (last === undefined) return undefined;
  return {
    firstSeconds: endSeconds - toSeconds(isFirstHeldBack === true ? frames.slice(1) : frames),
    lastSeconds: endSeconds - Math.min(last.durationSeconds, NEWEST_SECONDS),
    isBehindDamage,
  };
}
