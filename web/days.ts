import type { Timeline, TimelineGap, TimelineSession, TimelineTitle } from "../src/playback/api-answers.ts";
import type { ZoneClock } from "./zone-clock.ts";

export type Title = { atMs: number; text: string };

export type SessionRow = { kind: "session"; startMs: number; endMs: number; titles: readonly Title[] };
export type GapRow = { kind: "gap"; startMs: number; endMs: number; reason: string };
export type Row = SessionRow | GapRow;

/** A day of the show's own calendar, and what began on it. Rows are newest first. */
export type Day = { key: string; name: string; rows: readonly Row[] };

/**
 * The days of a show, newest first; days without rows are left out. Parts are given newest first too: a session that
 * reaches over the border of two is in both, and the newer one knows its end better.
 */
export function toDays(parts: readonly Timeline[], clock: ZoneClock): Day[] {
  const titles = parts.flatMap((part) => part.titles).toSorted((a, b) => a.timestamp_ms - b.timestamp_ms);
  const rows: Row[] = [
    ...toUnique(parts.flatMap((part) => part.sessions)).map((session) => toSessionRow(session, titles)),
    ...toUnique(parts.flatMap((part) => part.gaps))
      .filter(isHole)
      .map(toGapRow),
  ];
  rows.sort((a, b) => b.startMs - a.startMs);
  const days = Map.groupBy(rows, (row) => clock.day(row.startMs));
  return [...days].map(([key, rows]) => ({ key, name: clock.dayName(rows[0]?.startMs ?? 0), rows }));
}

/** What is on the air at a moment; `undefined` before the first title. */
export function toTitleAt(titles: readonly Title[], ms: number): string | undefined {
  return titles.findLast((title) => title.atMs <= ms)?.text;
}

function toUnique<T extends { start_ms: number }>(items: readonly T[]): T[] {
  return [...new Map(items.toReversed().map((item) => [item.start_ms, item])).values()];
}

/** A recipient's gaps were written by its sender: times that are no numbers arrive as `null`. */
function isHole(gap: TimelineGap): boolean {
  return Number.isFinite(gap.start_ms) && Number.isFinite(gap.end_ms) && gap.start_ms < gap.end_ms;
}

function toGapRow(gap: TimelineGap): GapRow {
  return { kind: "gap", startMs: gap.start_ms, endMs: gap.end_ms, reason: gap.reason };
}

function toSessionRow(session: TimelineSession, titles: readonly TimelineTitle[]): SessionRow {
  const { start_ms: startMs, end_ms: endMs } = session;
  const own = titles.filter(
    ({ timestamp_ms: ms, title }) => ms >= startMs && ms < endMs && title.trim() !== "",
  );
  const heard = own.map(({ timestamp_ms: atMs, title: text }) => ({ atMs, text }));
  return { kind: "session", startMs, endMs, titles: heard };
}
