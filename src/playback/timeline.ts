import type { ShowEvent } from "../core/show-event.ts";
import type { ShowReader } from "../store/show-reader.ts";

/** More events than this in one answer help nobody. */
const EVENTS_MAX = 10_000;

export type TimelineSession = { start_ms: number; end_ms: number };
export type TimelineGap = { start_ms: number; end_ms: number; reason: string; detail: string };
export type TimelineTitle = { timestamp_ms: number; title: string };

/** What there is of a show in a stretch of time, and why not where there is nothing. */
export type Timeline = { sessions: TimelineSession[]; gaps: TimelineGap[]; titles: TimelineTitle[] };

/** What a list of shows tells of each. Times are `null` for a show that has nothing yet. */
export type ShowSummary = {
  name: string;
  audio_format: string;
  bitrate: number;
  channels: number;
  timezone: string;
  is_recipient: boolean;
  first_ms: number | null;
  last_ms: number | null;
};

/** The timeline from `fromMs` to `toMs`. Gaps belong to it that begin in it. */
export async function readTimeline(
  reader: ShowReader,
  range: { fromMs: number; toMs: number },
): Promise<Timeline> {
  const sessions = await reader.sessions(range);
  const events = await reader.eventsBetween({ ...range, limit: EVENTS_MAX });
  return {
    sessions: sessions.map((session) => ({ start_ms: session.startMs, end_ms: Math.round(session.endMs) })),
    gaps: events.filter((event) => event.kind === "gap").map(toGap),
    titles: events.filter((event) => event.kind === "title").map(toTitle),
  };
}

export async function readShowSummary(name: string, reader: ShowReader): Promise<ShowSummary> {
  const { format, timezone, isRecipient } = reader.metadata;
  const sessions = await reader.sessions({ fromMs: -Infinity, toMs: Infinity });
  const ends = sessions.map((session) => session.endMs);
  return {
    name,
    audio_format: format.audioFormat,
    bitrate: format.bitrateKbps,
    channels: format.channels,
    timezone,
    is_recipient: isRecipient,
    first_ms: sessions.length === 0 ? null : Math.min(...sessions.map((session) => session.startMs)),
    last_ms: sessions.length === 0 ? null : Math.round(Math.max(...ends)),
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
  return typeof value === "number" ? value : event.timestampMs;
}

function toText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
