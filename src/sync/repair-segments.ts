import type { RecipientStore } from "../store/recipient-writer.ts";
import { requireSameSource, requireUsable } from "./agreement.ts";
import { fetchSegment } from "./fetch-segment.ts";
import type { SenderClient } from "./sender-client.ts";

/** What came of each damaged segment, by its id in the recipient. */
export type Repair = {
  repaired: number[];
  /** The sender has them no more, or never had: it took the place of the one that they came from. */
  lost: number[];
};

/**
 * Fetches segments of a recipient again that are damaged, and stores them in their place, one by one. Throws `mismatch` when the sender
 * is not the one that it follows, `busy` while a pass writes to it; `undefined` when there is no recipient of that name.
 */
export async function repairSegments(
  name: string,
  damaged: readonly number[],
  { store, client }: { store: RecipientStore; client: SenderClient },
  signal: AbortSignal,
): Promise<Repair | undefined> {
  const known = await store.look(name);
  if (known === undefined) return undefined;
  const sender = await client.metadata(name, signal);
  requireUsable(name, sender);
  requireSameSource(name, known.metadata.text, sender);
  const { format, text } = known.metadata;
  await using writer = await store.open(name, () => ({ metadata: text, state: known.state }));
  const { idOffset } = await writer.state();
  const repair: Repair = { repaired: [], lost: [] };
  for (const id of damaged) {
    const theirId = id - idOffset;
    const range = { startId: theirId, endId: theirId };
    const segment =
      theirId > 0 ? await fetchSegment(name, range, { format, sender, client }, signal) : undefined;
    if (segment !== undefined) await writer.replaceSegment({ ...segment, id });
    (segment === undefined ? repair.lost : repair.repaired).push(id);
  }
  return repair;
}
