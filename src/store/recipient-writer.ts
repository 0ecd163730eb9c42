import type { Segment, SegmentHead } from "../core/segment.ts";
import type { NewShowEvent, ShowEvent } from "../core/show-event.ts";
import type { MetadataText, ShowMetadata } from "./show-metadata.ts";

/** What a recipient has committed of its sender. */
export type RecipientState = {
  /** The sender's id of the last segment committed; rows may have been trimmed since. */
  lastSyncedId: number;
  /** The sender's id of the last event committed. */
  lastSyncedEventId: number;
  /** Added to the sender's ids of segments. It is 0 until a sender was replaced, whose rows then have lower ids than those of the new one. */
  idOffset: number;
};

/** Rows that become durable together with the cursors that count them. */
export type RecipientBatch = {
  /** Ascending by id, which is the recipient's. */
  segments: readonly Segment[];
  /** The sender's events; `id` is the sender's. */
  events: readonly ShowEvent[];
  /** Events of the recipient's own, such as holes. */
  ownEvents: readonly NewShowEvent[];
  state: RecipientState;
};

/** What a recipient holds, as somebody sees it who does not have its lock. */
export type RecipientView = {
  metadata: ShowMetadata;
  state: RecipientState;
  /** The newest row that is still there. */
  lastHeld: SegmentHead | undefined;
};

/**
 * The one writer of a recipient. It exists only for databases that follow a sender, and only while it holds the lock of
 * its show. Whoever opens it closes it.
 */
export interface RecipientWriter extends AsyncDisposable {
  readonly metadata: ShowMetadata;
  state(): Promise<RecipientState>;
  /** The newest row that is still there. */
  lastHeld(): Promise<SegmentHead | undefined>;
  /** The highest id that was ever stored, also when its row is gone. */
  lastId(): Promise<number>;
  /** Resolves when all of the batch is durable. Until then its bytes have to stay as they are, and from then on nobody reads them. */
  commit(batch: RecipientBatch): Promise<void>;
  /**
   * Follows another sender from now on, behind the cursors of `state`, and writes down in an event where it was with the last one. The
   * events that came before are the recipient's own then.
   */
  replaceSource(source: { uniqueId: string; state: RecipientState }): Promise<void>;
  /** Stores a segment anew that is there already, for one that was damaged; throws `not-found` when it is not. */
  replaceSegment(segment: Segment): Promise<void>;
  /** All is here that its sender had: from now on, readers and this writer do not wait for each other. */
  finishFill(): Promise<void>;
}

/** The recipients that a program may write. */
export interface RecipientStore {
  /**
   * Looks at a recipient without taking its lock or leaving a trace; `undefined` when there is none yet. Throws `is-recipient` when
   * the database is a sender's own.
   */
  look(name: string): Promise<RecipientView | undefined>;
  /**
   * Takes the lock of a show and opens its writer, or first creates the recipient with `create()`. Throws `busy` when another program
   * has the lock, `is-recipient` when the database is a sender's own.
   */
  open(
    name: string,
    create: () => { metadata: MetadataText; state: RecipientState },
  ): Promise<RecipientWriter>;
}
