import { DatabaseSync } from "node:sqlite";

import { SAMPLE_RATE } from "../../src/core/show.ts";
import type { SecondRun } from "../../src/station/tone-clock-report.ts";
import { type BenchShow, toShowPath } from "./bench-shows.ts";
import { measureSession, type RawSession, readSessions } from "../../test/support/measure.ts";

/** A span of Unix time. */
export type Span = { fromMs: number; toMs: number };

/** A codec with less than this may mangle a click so that it is not found; the ones around it still tell the time. */
const EXACT_KBPS_MIN = 64;

/** Neighbouring seconds have nearly the same pitch: at 16 kbit/s up to eight of them in a row are mangled, again in each minute. */
const UNHEARD_SECONDS_MAX = 10;

/**
 * What is wrong with the recording of a show that should be whole: one session that covers the span, whose sound decodes to the
 * length that its rows promise, with every second of the tone clock in it once. Empty when it is whole.
 *
 * At a low bit rate, some seconds may go unheard where the time between their neighbours is right to the millisecond.
 */
export async function findFaults(path: string, span: Span, bitrateKbps: number): Promise<string[]> {
  const faults = readGapReasons(path, span).map((reason) => `a gap (${reason})`);
  const sessions = readSessions(path);
  const [session] = sessions;
  if (session === undefined || sessions.length > 1) return [...faults, `${sessions.length} sessions`];
  const report = await measureSession(session);
  const { held, missing, doubled, splices, outOfOrder, samples } = report;
  if (samples !== session.durationSamples)
    faults.push(`decodes to ${samples} samples, its rows promise ${session.durationSamples}`);
  const isExact = bitrateKbps >= EXACT_KBPS_MIN;
  const unheard = isExact ? missing : missing.filter(isTooLong);
  if (unheard.length > 0) faults.push(`seconds missing in ${unheard.length} places`);
  if (doubled.length > 0 || outOfOrder > 0) faults.push(`${doubled.length} seconds twice`);
  if (splices.length > 0) faults.push(`the sound jumps in ${splices.length} places`);
  const fromMs = (held[0]?.fromS ?? Infinity) * 1000;
  const toMs = (held.at(-1)?.toS ?? -Infinity) * 1000;
  const told = toSpan(session);
  const isShort = isExact
    ? fromMs > span.fromMs || toMs < span.toMs - 1000
    : told.fromMs > span.fromMs || told.toMs < span.toMs - 1000;
  if (isShort) faults.push(`holds ${fromMs} to ${toMs}, and not all of ${span.fromMs} to ${span.toMs}`);
  return faults;
}

/** What the rows of a session tell of where it begins and ends. */
function toSpan({ rows }: RawSession): Span {
  const last = rows.at(-1);
  const toMs =
    last === undefined ? -Infinity : last.timestampMs + (last.durationSamples / SAMPLE_RATE) * 1000;
  return { fromMs: rows[0]?.timestampMs ?? Infinity, toMs };
}

function isTooLong({ fromS, toS }: SecondRun): boolean {
  return toS - fromS >= UNHEARD_SECONDS_MAX;
}

/** A gap that the stop itself leaves lies behind the span. */
function readGapReasons(path: string, span: Span): string[] {
  using database = new DatabaseSync(path, { readOnly: true });
  const sql = `SELECT json_extract(data, '$.reason') AS reason FROM events WHERE kind = 'gap'
    AND json_extract(data, '$.start_ms') < ? AND json_extract(data, '$.end_ms') > ?`;
  return database
    .prepare(sql)
    .all(span.toMs, span.fromMs)
    .map((row) => String(row["reason"]));
}

/** The same for all recordings of a directory, one line for each show that is not whole. */
export async function findAllFaults(
  directory: string,
  shows: readonly BenchShow[],
  span: Span,
): Promise<string[]> {
  const lines: string[] = [];
  for (const show of shows) {
    const faults = await findFaults(toShowPath(directory, show), span, show.bitrateKbps);
    if (faults.length > 0) lines.push(`${show.name}: ${faults.join("; ")}`);
  }
  return lines;
}
