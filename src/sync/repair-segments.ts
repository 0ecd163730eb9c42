import { AppError } from "../core/app-error.ts";
import type { Segment, SegmentHead } from "../core/segment.ts";
import type { RecipientStore } from "../store/recipient-writer.ts";
import { requireUsable } from "./agreement.ts";
import { fetchSegment, type SegmentSource } from "./fetch-segment.ts";
import { requireAgreement } from "./require-agreement.ts";
import type { SenderClient } from "./sender-client.ts";

/** What came of a damaged segment. Without a `reason` it is whole again. */
export type Repair = { segmentId: number; reason?: string };

/**
 * Fetches segments of a recipient again that are damaged, and stores them in their place, one by one. What comes must be what was
 * damaged: it has the CRC that was stored, or, where that may be what is damaged, the time and the length. Throws `mismatch` when the
 * recipient could not go on with this sender, `busy` while a pass writes to it.
 */
export async function* repairSegments(
  name: string,
  damaged: readonly SegmentHead[],
  { store, client }: { store: RecipientStore; client: SenderClient },
  signal: AbortSignal,
): AsyncGenerator<Repair> {
  const known = await store.look(name);
  if (known === undefined)
    throw new AppError("not-found", `${name}: its file has another name than its show`);
  const sender = await client.metadata(name, signal);
  requireUsable(name, sender);
  const { metadata, state, lastHeld } = known;
  const isWhole = !damaged.some(({ id }) => id === lastHeld?.id);
  const view = { metadata, state, lastHeld: isWhole ? lastHeld : undefined };
  await requireAgreement(name, view, { sender, client }, signal);
  await using writer = await store.open(name, () => ({ metadata: metadata.text, state }));
  const source = { format: metadata.format, sender, client };
  for (const head of damaged) {
    const found = await fetchSame(name, head, { source, idOffset: state.idOffset }, signal);
    if ("segment" in found) await writer.replaceSegment(found.segment);
    yield "segment" in found ? { segmentId: head.id } : { segmentId: head.id, reason: found.reason };
  }
}

async function fetchSame(
  name: string,
  head: SegmentHead,
  { source, idOffset }: { source: SegmentSource; idOffset: number },
  signal: AbortSignal,
): Promise<{ segment: Segment } | { reason: string }> {
  const theirId = head.id - idOffset;
  if (theirId < 1) return { reason: "it came from a sender that was replaced" };
  try {
    const range = { startId: theirId, endId: theirId };
    const segment = await fetchSegment(name, range, source, signal);
    if (segment === undefined) return { reason: "the sender does not have it" };
    return isSame(head, segment)
      ? { segment: { ...segment, id: head.id } }
      : { reason: "the sender has another" };
  } catch (error) {
    if (error instanceof AppError && error.code === "corrupt") return { reason: error.message };
    throw error;
  }
}

function isSame(held: SegmentHead, theirs: Segment): boolean {
  const isSamePlace =
    held.timestampMs === theirs.timestampMs && held.durationSamples === theirs.durationSamples;
  return held.crc32 === theirs.crc32 || isSamePlace;
}
