import { MOMENT_MS_MAX, type ShowEvent } from "../core/show-event.ts";
import type { ShowReader } from "../store/show-reader.ts";
import type { ShowSummary, Timeline, TimelineGap, TimelineTitle } from "./api-answers.ts";

/** Gaps, and as many titles, in one answer: weeks of a station that has a new title each minute. */
const EVENTS_MAX = 10_000;

type TimeRange = { fromMs: number; toMs: number };

/**
 * The timeline from `fromMs` to `toMs`: sessions and gaps that reach into it, titles that begin in it. Titles have a count of their own, so
 * that a flood of them hides no gap.
 */
export async function readTimeline(reader: ShowReader, range: TimeRange): Promise<Timeline> {
  const sessions = await reader.sessions(range);
  const gaps = await readKind(reader, "gap", range);
  const titles = await readKind(reader, "title", range);
  const completeToMs = Math.min(gaps.completeToMs, titles.completeToMs);
  const isComplete = (event: ShowEvent): boolean => event.timestampMs < completeToMs;
  return {
    sessions: sessions.map((session) => ({ start_ms: session.startMs, end_ms: Math.round(session.endMs) })),
    gaps: gaps.events.filter(isComplete).map(toGap),
    titles: titles.events.filter(isComplete).map(toTitle),
    complete_to_ms: completeToMs,
  };
}

/** Events of a kind, and up to when they are all there; whoever goes on from there gets on, even if one moment has too many. */
async function readKind(
  reader: ShowReader,
  kind: string,
  range: TimeRange,
): Promise<{ events: ShowEvent[]; completeToMs: number }> {
  const events = await reader.eventsWithin({ kind, ...range, limit: EVENTS_MAX + 1 });
  const firstLeftOut = events[EVENTS_MAX];
  if (firstLeftOut === undefined) return { events, completeToMs: range.toMs };
  const completeToMs = Math.max(range.fromMs + 1, firstLeftOut.timestampMs);
  return { events: events.slice(0, EVENTS_MAX), completeToMs };
}

export async function readShowSummary(name: string, reader: ShowReader): Promise<ShowSummary> {
  const { format, timezone, isRecipient } = reader.metadata;
  const sessions = await reader.sessions({ fromMs: -Infinity, toMs: Infinity });
  const [firstMs, lastMs] = sessions.reduce(
    ([first, last], { startMs, endMs }) => [Math.min(first, startMs), Math.max(last, endMs)],
    [Infinity, -Infinity],
  );
  return {
    name,
    audio_format: format.audioFormat,
    bitrate: format.bitrateKbps,
    channels: format.channels,
    timezone,
    is_recipient: isRecipient,
    first_ms: sessions.length === 0 ? null : firstMs,
    last_ms: sessions.length === 0 ? null : Math.round(lastMs),
  };
}

function toGap(event: ShowEvent): TimelineGap {
  const data = readData(event);
  return {
    start_ms: toTimeMs(data["start_ms"], event),
    end_ms: toTimeMs(data["end_ms"], event),
    reason: toText(data["reason"]),
    detail: toText(data["detail"]),
  };
}

function toTitle(event: ShowEvent): TimelineTitle {
  return { timestamp_ms: event.timestampMs, title: toText(readData(event)["title"]) };
}

/** A recipient's events come from its sender, so what they hold is looked at and not believed. */
function readData(event: ShowEvent): Record<string, unknown> {
  const data: unknown = JSON.parse(event.data);
  return typeof data === "object" && data !== null ? { ...data } : {};
}

/** What a time that is none is taken for: the time of its event. */
function toTimeMs(value: unknown, event: ShowEvent): number {
  return typeof value === "number" && Math.abs(value) <= MOMENT_MS_MAX ? value : event.timestampMs;
}

function toText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
