import type { ShowConfig } from "../config/record-config.ts";
import type { Gap, GapReason } from "../core/show-event.ts";
import type { ShowHistory } from "../store/sqlite-show-writer.ts";
import { toNextWindow } from "./schedule.ts";

/** After a longer absence only the first windows that were missed are booked one by one. */
const WINDOWS_MAX = 1000;

/** Why a recorder of this program gave up, and when at the latest; Unix milliseconds. */
export type Absence = { sinceMs: number; reason: GapReason; detail: string };

/**
 * The gaps that arose while nobody recorded: each part of a scheduled window between the end of what the database holds
 * and now. One that ends now is still open. Without an `absence` that tells more, the recorder was stopped or killed.
 */
export function toDowntimeGaps(
  show: Pick<ShowConfig, "schedule" | "timezone" | "padBeforeMs" | "padAfterMs">,
  history: ShowHistory | undefined,
  nowMs: number,
  absence?: Absence,
): Gap[] {
  const reason = absence?.reason ?? (history?.wasStopped === true ? "stopped" : "crashed");
  const detail = absence?.detail ?? "";
  const gaps: Gap[] = [];
  let fromMs = history?.endMs ?? absence?.sinceMs ?? nowMs;
  while (fromMs < nowMs && gaps.length < WINDOWS_MAX) {
    const window = toNextWindow(show, fromMs);
    const startMs = Math.max(fromMs, window.startMs);
    const endMs = Math.min(nowMs, window.endMs);
    if (startMs >= endMs) break;
    gaps.push({ startMs, endMs, reason, detail });
    fromMs = endMs;
  }
  return gaps;
}
