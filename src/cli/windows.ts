import type { RecordConfig } from "../config/record-config.ts";
import { type RecordingWindow, toNextWindows } from "../record/schedule.ts";

const WINDOWS_SHOWN = 10;

/** Prints the next windows of each show, in its own zone and in UTC. */
export function printWindows(config: RecordConfig): void {
  for (const notice of config.notices) process.stdout.write(`note: ${notice}\n`);
  for (const show of config.shows) {
    process.stdout.write(`${show.name} (${show.timezone})\n`);
    for (const window of toNextWindows(show, Date.now(), WINDOWS_SHOWN)) {
      process.stdout.write(`  ${toLine(window, show.timezone)}\n`);
    }
  }
}

function toLine(window: RecordingWindow, timezone: string): string {
  if (window.endMs === Infinity) return "around the clock";
  const local = `${toText(window.startMs, timezone)} to ${toText(window.endMs, timezone)}`;
  return `${local}   (UTC ${toText(window.startMs, "UTC")} to ${toText(window.endMs, "UTC")})`;
}

function toText(ms: number, timezone: string): string {
  const time = Temporal.Instant.fromEpochMilliseconds(Math.round(ms)).toZonedDateTimeISO(timezone);
  const day = time.toLocaleString("en-GB", { weekday: "short" });
  return `${day} ${time.toPlainDate().toString()} ${time.toPlainTime().toString({ smallestUnit: "second" })}`;
}
