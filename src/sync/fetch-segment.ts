import type { Segment } from "../core/segment.ts";
import type { ShowFormat } from "../core/show.ts";
import { toRowExpectation, toCheckedSegments } from "./check-rows.ts";
import type { SenderClient } from "./sender-client.ts";
import type { WireMetadata } from "./wire.ts";

export type SegmentSource = { format: ShowFormat; sender: WireMetadata; client: SenderClient };

/** The first segment that a sender has in a range of its ids, checked; `undefined` when there is none. */
export async function fetchSegment(
  name: string,
  range: { startId: number; endId: number },
  { format, sender, client }: SegmentSource,
  signal: AbortSignal,
): Promise<Segment | undefined> {
  for await (const rows of client.segments(name, range, 1, signal)) {
    // Its bytes hold until the next one is asked for, which is never done.
    return toCheckedSegments(rows, toRowExpectation(range, format, sender))[0];
  }
  return undefined;
}
