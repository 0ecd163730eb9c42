import type { Segment, SegmentHead } from "../core/segment.ts";
import type { ShowEvent } from "../core/show-event.ts";
import type { ShowMetadata } from "./show-metadata.ts";

/** How far a show's rows reach. All are 0 where there is nothing. */
export type ShowBounds = {
  minId: number;
  maxId: number;
  /** The highest segment id ever given, also when its row is gone. */
  lastId: number;
  maxEventId: number;
};

/** Ids from `startId` to `endId`, both included. */
export type IdRange = { startId: number; endId: number };

/** A run of segments from a boundary, or from the first row held, to the last row before the next boundary. */
export type Session = IdRange & {
  startMs: number;
  endMs: number;
};

/**
 * Read access to one show. Each call sees the rows that are durable at that moment; none holds a transaction open
 * afterwards. Whoever opens a reader closes it.
 */
export interface ShowReader extends AsyncDisposable {
  readonly metadata: ShowMetadata;
  bounds(): Promise<ShowBounds>;
  /** Ascending. At least one row when there is any, then as many as fit `limit` and `bytesMax`. */
  segments(range: IdRange & { limit: number; bytesMax: number }): Promise<Segment[]>;
  /** Ascending, at most `limit`. */
  heads(range: IdRange & { limit: number }): Promise<SegmentHead[]>;
  /** Ascending. Those that overlap the time from `fromMs` to `toMs`. */
  sessions(time: { fromMs: number; toMs: number }): Promise<Session[]>;
  /** Ascending, ids above `afterId`, at most `limit`. */
  events(page: { afterId: number; limit: number }): Promise<ShowEvent[]>;
  /**
   * Ascending by the time at which they begin, at most `limit`. Events of a kind that reach into the time from `fromMs` to
   * before `toMs`: one that tells of a stretch does so up to its `end_ms`, any other at its own time alone.
   */
  eventsWithin(query: { kind: string; fromMs: number; toMs: number; limit: number }): Promise<ShowEvent[]>;
}
