import type { RecipientView } from "../store/recipient-writer.ts";
import { requireNotBehind, requireSameRow, requireSameSource } from "./agreement.ts";
import { isOfFormerSource } from "./replace-source.ts";
import type { SenderClient } from "./sender-client.ts";
import type { WireMetadata } from "./wire.ts";

/** Throws `mismatch` when a recipient cannot go on with a sender: it is another one, was set back, or has other audio under a known id. */
export async function requireAgreement(
  name: string,
  { metadata, state, lastHeld }: RecipientView,
  { sender, client }: { sender: WireMetadata; client: SenderClient },
  signal: AbortSignal,
): Promise<void> {
  requireSameSource(name, metadata.text, sender);
  requireNotBehind(name, state, sender);
  if (lastHeld === undefined || isOfFormerSource(lastHeld, state)) return;
  const id = lastHeld.id - state.idOffset;
  const digests = await client.digests(name, { startId: id, endId: id }, signal);
  requireSameRow(name, { id, crc32: lastHeld.crc32 }, digests ?? []);
}
