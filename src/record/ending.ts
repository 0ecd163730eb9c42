import type { GapReason } from "../core/show-event.ts";

/** Why a connection or a session is over. */
export type Ending = { reason: GapReason; detail: string };

/** An ending in words. */
export function toText({ reason, detail }: Ending): string {
  return detail === "" ? reason : `${reason}: ${detail}`;
}
