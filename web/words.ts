import type { ShowSummary } from "../src/playback/api-answers.ts";
import type { ZoneClock } from "./zone-clock.ts";

const FORMATS: ReadonlyMap<string, string> = new Map([
  ["opus", "Opus"],
  ["aac", "AAC"],
  ["wav", "WAV"],
]);

const REASONS: ReadonlyMap<string, string> = new Map([
  ["connect-failed", "the station could not be reached"],
  ["disconnected", "the connection to the station was lost"],
  ["stalled", "the station sent nothing"],
  ["decoder-failed", "the sound could not be decoded"],
  ["frames-lost", "the station left sound out"],
  ["unsupported-format", "the station sent an unknown format"],
  ["disk-full", "the disk was full"],
  ["disk-failed", "the disk failed"],
  ["stopped", "the recorder was switched off"],
  ["suspended", "the recording machine was asleep"],
  ["crashed", "the recorder broke off"],
  ["expired-before-sync", "deleted before it could be copied"],
  ["source-replaced", "the recording machine was replaced"],
]);

type Stretch = { startMs: number; endMs: number };

/** `2 h 21 min`, `14 min 08 s`, `42 s`: two units at most, and none that says nothing. */
export function toLengthText(lengthMs: number): string {
  const seconds = Math.round(lengthMs / 1000);
  if (seconds < 1) return "under 1 s";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${seconds} s`;
  if (minutes < 60) return toUnits(minutes, "min", seconds % 60, "s");
  return toUnits(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

function toUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  if (small === 0) return `${large} ${largeUnit}`;
  return `${large} ${largeUnit} ${String(small).padStart(2, "0")} ${smallUnit}`;
}

/** `21:47 – 22:01`, with seconds where the minutes alone would be the same, with the day where it is another. */
export function toSpanText({ startMs, endMs }: Stretch, clock: ZoneClock): string {
  const isOneDay = clock.day(startMs) === clock.day(endMs);
  const needsSeconds = endMs - startMs < 60_000;
  const toTime = (ms: number): string =>
    needsSeconds ? `${clock.time(ms)}:${clock.seconds(ms)}` : clock.time(ms);
  return `${toTime(startMs)} – ${isOneDay ? "" : `${clock.shortDay(endMs)}, `}${toTime(endMs)}`;
}

/** `15 Jul 2026, 21:47`. */
export function toMomentText(ms: number, clock: ZoneClock): string {
  return `${clock.date(ms)}, ${clock.time(ms)}`;
}

/** Why there is a hole. A reason that is newer than this page is told as it is. */
export function toReasonText(reason: string): string {
  return REASONS.get(reason) ?? (reason === "" ? "nobody knows why" : reason);
}

/** `Opus · 32 kbit/s · mono`. */
export function toFormatText(show: ShowSummary): string {
  const parts = [FORMATS.get(show.audio_format) ?? show.audio_format];
  if (show.audio_format !== "wav") parts.push(`${show.bitrate} kbit/s`);
  parts.push(show.channels === 1 ? "mono" : "stereo");
  return parts.join(" · ");
}
