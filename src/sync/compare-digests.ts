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
  const { minId, maxId } = await sides.reader.bounds();
  const comparison: DigestComparison = { compared: 0, differing: [] };
  if (maxId === 0) return comparison;
  let startId = minId;
  while (startId <= maxId) {
    const heads = await sides.reader.heads({ startId, endId: maxId, limit: ROWS_PER_PAGE });
    const endId = heads.at(-1)?.id ?? maxId;
    const digests = await sides.client.digests(name, { startId, endId }, signal);
    if (digests === undefined) return undefined;
    const theirs = new Map<number, WireDigest>(digests.map((digest) => [digest.id, digest]));
    for (const head of heads) {
      const digest = theirs.get(head.id);
      if (digest === undefined) continue;
      comparison.compared++;
      const isSame = digest.crc32 === head.crc32 && digest.duration_samples === head.durationSamples;
      if (!isSame) comparison.differing.push(head.id);
    }
    startId = endId + 1;
  }
  return comparison;
}
