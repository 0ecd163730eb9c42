import { AppError } from "../core/app-error.ts";
import { type SegmentHead, toEndMs } from "../core/segment.ts";
import type { RecipientState, RecipientView } from "../store/recipient-writer.ts";
import { toFirstState } from "./agreement.ts";
import { requireInRange } from "./check-rows.ts";
import type { SenderClient } from "./sender-client.ts";
import type { WireMetadata } from "./wire.ts";

const EVENTS_PER_PAGE = 500;

type NewSource = { sender: WireMetadata; client: SenderClient };
type Start = { id: number; ms: number };

/** Times are whole milliseconds: a segment may begin that much before the end of the one that it follows. */
export const ROUNDING_MS = 1;

/**
 * Where a recipient goes on with a sender that took the place of its last one: at the first segment that begins when the last one held
 * has ended, which a search by halves finds. Its ids begin anew, so they are moved behind all that were ever held. An id is left out
 * between the two, which tells readers that one does not go on from the other. Throws `mismatch` when the sender has only older sound,
 * or none.
 */
export async function findReplacement(
  name: string,
  { state, lastHeld }: RecipientView,
  source: NewSource,
  signal: AbortSignal,
): Promise<RecipientState> {
  const { sender } = source;
  const idOffset = state.lastSyncedId + state.idOffset + 1;
  if (sender.max_id === 0) {
    throw new AppError("mismatch", `${name}: the sender has no segments yet; replace it when it has some`);
  }
  if (lastHeld === undefined) return { ...toFirstState(sender), idOffset };
  const heldEndMs = toEndMs(lastHeld);
  const firstId = await findFirstId(name, heldEndMs, source, signal);
  const lastSyncedEventId = await findLastEventId(name, heldEndMs, source, signal);
  return { lastSyncedId: Math.max(0, firstId - 1), lastSyncedEventId, idOffset };
}

/** Whether a row that is held came from a sender that was replaced since. */
export function isOfFormerSource(held: SegmentHead, { idOffset }: RecipientState): boolean {
  return held.id <= idOffset;
}

async function findFirstId(
  name: string,
  heldEndMs: number,
  source: NewSource,
  signal: AbortSignal,
): Promise<number> {
  const { min_id: minId, max_id: maxId } = source.sender;
  const isBehind = (start: Start | undefined): boolean =>
    start === undefined || start.ms >= heldEndMs - ROUNDING_MS;
  const newest = await findStart(name, maxId, source, signal);
  if (newest !== undefined && !isBehind(newest)) {
    throw new AppError(
      "mismatch",
      `${name}: the sender's newest segment begins at ${toText(newest.ms)}, what is held ends at ${toText(heldEndMs)}: the sender is older, or has not got so far yet`,
    );
  }
  let [lowId, highId] = [minId, maxId];
  while (lowId < highId) {
    const middleId = Math.floor((lowId + highId) / 2);
    const start = await findStart(name, middleId, source, signal);
    if (start === undefined || isBehind(start)) highId = middleId;
    else lowId = start.id + 1;
  }
  return lowId;
}

/** Where the first segment begins whose id is not lower. Its sound is not looked at: it may be damaged, and never be wanted. */
async function findStart(
  name: string,
  startId: number,
  { sender, client }: NewSource,
  signal: AbortSignal,
): Promise<Start | undefined> {
  const range = { startId, endId: sender.max_id };
  for await (const [row] of client.segments(name, range, 1, signal)) {
    if (row === undefined) break;
    requireInRange(row.id, range);
    return { id: row.id, ms: row.timestamp_ms };
  }
  return undefined;
}

/** The last of the events that come before the first one that is as late as what is held. */
async function findLastEventId(
  name: string,
  heldEndMs: number,
  { sender, client }: NewSource,
  signal: AbortSignal,
): Promise<number> {
  let lastId = 0;
  while (lastId < (sender.max_event_id ?? 0)) {
    const events = await client.events(name, { afterId: lastId, limit: EVENTS_PER_PAGE }, signal);
    for (const event of events ?? []) {
      if (event.timestamp_ms >= heldEndMs || event.id <= lastId) return lastId;
      lastId = event.id;
    }
    if (events === undefined || events.length === 0) break;
  }
  return lastId;
}

function toText(ms: number): string {
  return new Date(ms).toISOString();
}
