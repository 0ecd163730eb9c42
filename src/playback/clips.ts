import type { Session } from "../store/show-reader.ts";

/** A part of one session; Unix milliseconds, the end excluded. */
export type Clip = { session: Session; fromMs: number; toMs: number };

/**
 * What sessions hold of a range, in order of time. Where two overlap (a station sends its last seconds again on a new
 * connection), the later one begins where the earlier one ends.
 */
export function toClips(sessions: readonly Session[], range: { fromMs: number; toMs: number }): Clip[] {
  const clips: Clip[] = [];
  let { fromMs } = range;
  for (const session of [...sessions].sort((a, b) => a.startMs - b.startMs)) {
    const startMs = Math.max(fromMs, session.startMs);
    const endMs = Math.min(range.toMs, session.endMs);
    if (startMs >= endMs) continue;
    clips.push({ session, fromMs: startMs, toMs: endMs });
    fromMs = endMs;
  }
  return clips;
}
