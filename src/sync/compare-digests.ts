import { AppError } from "../core/app-error.ts";
import type { ShowReader } from "../store/show-reader.ts";
import type { SenderClient } from "./sender-client.ts";
import type { WireDigest } from "./wire.ts";

const ROWS_PER_PAGE = 1000;

export type DigestComparison = {
  /** Segments that both sides have. */
  compared: number;
  /** Ids of those whose CRC or duration differs. */
  differing: number[];
};

/**
 * Holds the segments of a copy against its sender's, by CRC and duration, without moving audio. What only one side still has is not a difference: both
 * delete on their own. `undefined`: the sender knows no digests.
 */
export async function compareDigests(
  name: string,
  sides: { reader: ShowReader; client: SenderClient },
  signal: AbortSignal,
): Promise<DigestComparison | undefined> {
  await requireOrigin(name, sides, signal);
  const idOffset = sides.reader.metadata.idOffsets.at(-1) ?? 0;
  const { minId, maxId } = await sides.reader.bounds();
  const comparison: DigestComparison = { compared: 0, differing: [] };
  // What a former sender sent, this one does not know.
  let startId = Math.max(minId, idOffset + 1);
  while (startId <= maxId) {
    const heads = await sides.reader.heads({ startId, endId: maxId, limit: ROWS_PER_PAGE });
    const endId = heads.at(-1)?.id ?? maxId;
    const range = { startId: startId - idOffset, endId: endId - idOffset };
    const theirs = await fetchDigests(name, sides.client, range, signal);
    if (theirs === undefined) return undefined;
    for (const head of heads) {
      const digest = theirs.get(head.id - idOffset);
      if (digest === undefined) continue;
      comparison.compared++;
      const isSame = digest.crc32 === head.crc32 && digest.duration_samples === head.durationSamples;
      if (!isSame) comparison.differing.push(head.id);
    }
    startId = endId + 1;
  }
  return comparison;
}

/** Throws `mismatch` when the segments are not from this sender: that none differs would then say nothing. */
async function requireOrigin(
  name: string,
  { reader, client }: { reader: ShowReader; client: SenderClient },
  signal: AbortSignal,
): Promise<void> {
  const { uniqueId, text } = reader.metadata;
  const origin = text["source_unique_id"] ?? uniqueId;
  const { unique_id: theirs } = await client.metadata(name, signal);
  if (theirs === origin) return;
  throw new AppError(
    "mismatch",
    `${name}: it comes from "${origin}", the sender has "${theirs}": another show`,
  );
}

/** The sender's digests of a range by id, however many answers they take: a trimmed copy is thin where its sender is not. */
async function fetchDigests(
  name: string,
  client: SenderClient,
  range: { startId: number; endId: number },
  signal: AbortSignal,
): Promise<Map<number, WireDigest> | undefined> {
  const digests = new Map<number, WireDigest>();
  let { startId } = range;
  while (startId <= range.endId) {
    const page = await client.digests(name, { startId, endId: range.endId }, signal);
    if (page === undefined) return undefined;
    for (const digest of page) digests.set(digest.id, digest);
    const last = page.at(-1);
    if (last === undefined || last.id < startId) break;
    startId = last.id + 1;
  }
  return digests;
}
