/*
 * The shapes of the answers that the page reads too. Nothing is imported here: with an import of anything that uses Node,
 * its global names would type-check in a browser.
 */

export type TimelineSession = { start_ms: number; end_ms: number };
export type TimelineGap = { start_ms: number; end_ms: number; reason: string; detail: string };
export type TimelineTitle = { timestamp_ms: number; title: string };

/** What there is of a show in a stretch of time, and why not where there is nothing. */
export type Timeline = {
  sessions: TimelineSession[];
  gaps: TimelineGap[];
  titles: TimelineTitle[];
  /** Gaps and titles that begin before this are all there; the end of the range, unless there are too many for one answer. */
  complete_to_ms: number;
};

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
