import type { RetentionWaiting } from "../config/record-config.ts";
import type { SegmentHead } from "../core/segment.ts";
import type { Receiver } from "../store/receivers.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";

const HOUR_MS = 3_600_000;

/** What retention has to know of a show besides its sound. */
export type RetentionRules = {
  retentionHours: number;
  waiting?: RetentionWaiting | undefined;
  /** The receivers that have told what they have. */
  receivers: readonly Receiver[];
  /** Whether there is too little room to wait any longer; asked again after each session that was deleted. */
  isShort: () => boolean;
};

/** What was deleted: segments, and how many of them a receiver that should have had them does not have. */
export type Deleted = { segments: number; unsynced: number };

/**
 * Deletes what lies below the last boundary before `nowMs` less the retention. What receivers that are waited for do not have
 * yet stays, unless there is too little room: then it goes session by session, oldest first.
 */
export function applyRetention(writer: ShowWriter, rules: RetentionRules, nowMs: number): Deleted {
  const boundary = writer.lastBoundaryBefore(nowMs - rules.retentionHours * HOUR_MS);
  if (boundary === undefined) return { segments: 0, unsynced: 0 };
  if (rules.waiting === undefined) return { segments: writer.deleteBefore(boundary), unsynced: 0 };
  const heldId = toHeldId(rules.waiting, rules.receivers);
  const boundaries = writer.boundariesUpTo(boundary.id);
  const synced = boundaries.findLast(({ id }) => id <= heldId + 1);
  const segments = synced === undefined ? 0 : writer.deleteBefore(synced);
  const unsynced = deleteUnsynced(writer, boundaries, rules.isShort);
  return { segments: segments + unsynced, unsynced };
}

/** The last segment that all receivers have; 0 when one of them has never told of itself. */
function toHeldId(waiting: RetentionWaiting, receivers: readonly Receiver[]): number {
  const ids = new Map(receivers.map(({ name, lastSyncedId }) => [name, lastSyncedId]));
  return Math.min(...waiting.receivers.map((name) => ids.get(name) ?? 0));
}

function deleteUnsynced(
  writer: ShowWriter,
  boundaries: readonly SegmentHead[],
  isShort: () => boolean,
): number {
  let deleted = 0;
  for (const boundary of boundaries) {
    if (!isShort()) break;
    deleted += writer.deleteBefore(boundary);
  }
  return deleted;
}
