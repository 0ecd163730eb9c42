import type { ScheduleRule, ShowConfig } from "../config/record-config.ts";

/** A stretch of time in which a show is recorded; Unix milliseconds, the end excluded. */
export type RecordingWindow = { startMs: number; endMs: number };

type ScheduledShow = Pick<ShowConfig, "schedule" | "timezone" | "padBeforeMs" | "padAfterMs">;

/** Every rule comes back within a week; one day more covers windows that began yesterday. */
const DAYS_AHEAD = 9;

/** Pads reach over day boundaries, so the search begins this much earlier. */
const DAY_MS = 86_400_000;

/**
 * The window that is open at `nowMs`, or else the next one. Windows that touch or overlap are one. It ends at infinity
 * for a show without a schedule; a window that goes on for more than a week is told in parts.
 */
export function toNextWindow(show: ScheduledShow, nowMs: number): RecordingWindow {
  if (show.schedule.length === 0) return { startMs: nowMs, endMs: Infinity };
  const windows = toWindows(show, nowMs).filter((window) => window.endMs > nowMs);
  const [first, ...later] = windows;
  if (first === undefined) throw new RangeError("a schedule with rules has a window every week");
  let { endMs } = first;
  for (const window of later) {
    if (window.startMs > endMs) break;
    endMs = Math.max(endMs, window.endMs);
  }
  return { startMs: first.startMs, endMs };
}

/** The next `count` windows from `nowMs` on; a single one without end for a show without a schedule. */
export function toNextWindows(show: ScheduledShow, nowMs: number, count: number): RecordingWindow[] {
  const windows: RecordingWindow[] = [];
  let fromMs = nowMs;
  while (windows.length < count && Number.isFinite(fromMs)) {
    const window = toNextWindow(show, fromMs);
    windows.push(window);
    fromMs = window.endMs;
  }
  return windows;
}

/** The first moment of the next day in a time zone; Unix milliseconds. */
export function toNextDayMs(timezone: string, nowMs: number): number {
  const now = Temporal.Instant.fromEpochMilliseconds(Math.floor(nowMs)).toZonedDateTimeISO(timezone);
  return now.toPlainDate().add({ days: 1 }).toZonedDateTime(timezone).epochMilliseconds;
}

/** The padded windows of each rule around `nowMs`, by their start. */
function toWindows(show: ScheduledShow, nowMs: number): RecordingWindow[] {
  const firstMs = nowMs - show.padAfterMs - DAY_MS;
  const firstDay = Temporal.Instant.fromEpochMilliseconds(Math.floor(firstMs))
    .toZonedDateTimeISO(show.timezone)
    .toPlainDate();
  const days = DAYS_AHEAD + Math.ceil((show.padAfterMs + show.padBeforeMs) / DAY_MS);
  const windows: RecordingWindow[] = [];
  for (let index = 0; index < days; index++) {
    const date = firstDay.add({ days: index });
    for (const rule of show.schedule) {
      if (!rule.weekdays.includes(date.dayOfWeek)) continue;
      const window = toWindow(rule, date, show.timezone);
      windows.push({ startMs: window.startMs - show.padBeforeMs, endMs: window.endMs + show.padAfterMs });
    }
  }
  return windows.sort((a, b) => a.startMs - b.startMs);
}

/**
 * A rule on one day. Where a change of the clocks leaves a time out, the window begins as much before the change, and
 * ends as much after it; of a time that comes twice, it begins with the first and ends with the second. So it may
 * be an hour too long in such a night, and is never too short.
 */
function toWindow(rule: ScheduleRule, date: Temporal.PlainDate, timezone: string): RecordingWindow {
  const at = (day: Temporal.PlainDate, minute: number, disambiguation: "earlier" | "later"): number => {
    const time = Temporal.PlainTime.from({ hour: Math.floor(minute / 60), minute: minute % 60 });
    return day.toPlainDateTime(time).toZonedDateTime(timezone, { disambiguation }).epochMilliseconds;
  };
  const isOverMidnight = rule.endMinute <= rule.startMinute;
  return {
    startMs: at(date, rule.startMinute, "earlier"),
    endMs: at(isOverMidnight ? date.add({ days: 1 }) : date, rule.endMinute, "later"),
  };
}
