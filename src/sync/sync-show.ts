import { AppError } from "../core/app-error.ts";
import { type Segment, type SegmentHead, toEndMs } from "../core/segment.ts";
import { type Gap, type NewShowEvent, toGapEvent } from "../core/show-event.ts";
import type {
  RecipientState,
  RecipientStore,
  RecipientView,
  RecipientWriter,
} from "../store/recipient-writer.ts";
import {
  requireSameSound,
  requireSameSource,
  requireUsable,
  toFirstState,
  toRecipientMetadata,
} from "./agreement.ts";
import { toCheckedEvents, toCheckedSegments, toRowExpectation } from "./check-rows.ts";
import { findReplacement, ROUNDING_MS } from "./replace-source.ts";
import { requireAgreement } from "./require-agreement.ts";
import type { SenderClient } from "./sender-client.ts";
import type { WireMetadata } from "./wire.ts";

const EVENTS_PER_CHUNK = 500;

/** How far a show has come; told after each chunk. */
export type SyncProgress = {
  name: string;
  cursor: number;
  targetId: number;
  segments: number;
  bytes: number;
};

/** What one pass did to one show. */
export type SyncSummary = {
  name: string;
  segments: number;
  bytes: number;
  events: number;
  /** Segments that the sender deleted before they were pulled. */
  skipped: number;
  /** From the start of the first hole that was booked to the end of the last one, Unix milliseconds; absent without holes. */
  holes?: { startMs: number; endMs: number };
  /** Whether this pass went on with a sender that took the place of the last one. */
  isReplaced: boolean;
  lastSyncedId: number;
};

export type SyncSetting = {
  client: SenderClient;
  store: RecipientStore;
  /** How this receiver calls itself to its senders. */
  receiver: string;
  /** Goes on with a sender that does not agree with what is held, by time. */
  replaceSource?: boolean | undefined;
  /** Rows that become durable together. */
  chunkSize: number;
  onProgress: (progress: SyncProgress) => void;
};

/**
 * Brings one show up to where its sender is now. Each chunk of rows is committed together with the cursor that counts it, so whatever ends
 * this, the next pass goes on behind the last chunk. Throws at the first thing that is not as it should be.
 */
export async function syncShow(
  name: string,
  setting: SyncSetting,
  signal: AbortSignal,
): Promise<SyncSummary> {
  const { client, store } = setting;
  // Looked at before the sender is asked: what it tells then cannot be older than what is held.
  const known = await store.look(name);
  const sender = await client.metadata(name, signal);
  requireUsable(name, sender);
  const replacement = await agree(name, known, { sender, setting }, signal);
  await using writer = await store.open(name, () => ({
    metadata: toRecipientMetadata(sender),
    state: toFirstState(sender),
  }));
  const state = await writer.state();
  if (known !== undefined) requireUntouched(name, known.state, state);
  if (replacement !== undefined) await writer.replaceSource(replacement);
  requireSameSource(name, writer.metadata.text, sender);
  const held = await writer.lastHeld();
  const now = replacement?.state ?? state;
  const isFirst = now.idOffset > 0 && (await writer.lastId()) <= now.idOffset;
  const parts = { sender, writer, state: now, held, isFirst };
  const pass = new ShowPass(setting, parts, replacement !== undefined);
  await pass.pullSegments(signal);
  await pass.pullEvents(signal);
  await writer.finishFill();
  await pass.acknowledge(signal);
  return pass.summary();
}

type Replacement = { uniqueId: string; state: RecipientState };

/**
 * Throws `mismatch` when a recipient cannot go on with this sender. Nothing has been written yet, the lock included. Returns where it
 * goes on when the sender is another one and that was asked for.
 */
async function agree(
  name: string,
  known: RecipientView | undefined,
  { sender, setting }: { sender: WireMetadata; setting: SyncSetting },
  signal: AbortSignal,
): Promise<Replacement | undefined> {
  if (known === undefined) return undefined;
  const { client, replaceSource } = setting;
  try {
    await requireAgreement(name, known, { sender, client }, signal);
    return undefined;
  } catch (error) {
    if (!replaceSource || !(error instanceof AppError) || error.code !== "mismatch") throw error;
  }
  requireSameSound(name, known.metadata.text, sender);
  const state = await findReplacement(name, known, { sender, client }, signal);
  return { uniqueId: sender.unique_id, state };
}

/** What was agreed upon holds for what was looked at; another pass may have come between. */
function requireUntouched(name: string, known: RecipientState, state: RecipientState): void {
  if (known.lastSyncedId === state.lastSyncedId && known.idOffset === state.idOffset) return;
  throw new AppError("busy", `${name}: another pass has just written to it; sync again`);
}

type PassParts = {
  sender: WireMetadata;
  writer: RecipientWriter;
  state: RecipientState;
  held: SegmentHead | undefined;
  /** Whether nothing of a sender that took the place of another was ever stored. */
  isFirst: boolean;
};

class ShowPass {
  readonly #setting: SyncSetting;
  readonly #sender: WireMetadata;
  readonly #writer: RecipientWriter;
  readonly #isReplaced: boolean;
  #state: RecipientState;
  /** The newest row held, for the time at which a hole behind it begins. */
  #previous: SegmentHead | undefined;
  #isFirst: boolean;
  #counts = { segments: 0, bytes: 0, events: 0, skipped: 0 };
  #holes: { startMs: number; endMs: number } | undefined;

  constructor(setting: SyncSetting, parts: PassParts, isReplaced: boolean) {
    this.#setting = setting;
    this.#isReplaced = isReplaced;
    this.#sender = parts.sender;
    this.#writer = parts.writer;
    this.#state = parts.state;
    this.#previous = parts.held;
    this.#isFirst = parts.isFirst;
  }

  summary(): SyncSummary {
    return {
      name: this.#sender.name,
      ...this.#counts,
      ...(this.#holes === undefined ? {} : { holes: this.#holes }),
      isReplaced: this.#isReplaced,
      lastSyncedId: this.#state.lastSyncedId,
    };
  }

  async pullSegments(signal: AbortSignal): Promise<void> {
    const { name, max_id: targetId } = this.#sender;
    const { client, chunkSize: rowsMax } = this.#setting;
    const { format } = this.#writer.metadata;
    const range = { startId: this.#state.lastSyncedId + 1, endId: targetId };
    let committed = Promise.resolve();
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    // When no row is left, the rest was deleted meanwhile. It is booked as a hole once there is a row behind it to tell where it ends.
    try {
      for await (const rows of client.segments(name, range, rowsMax, either)) {
        const startId = this.#state.lastSyncedId + 1;
        const expected = toRowExpectation({ startId, endId: targetId }, format, this.#sender);
        const segments = toCheckedSegments(rows, expected);
        // The next rows come meanwhile, and no more than those.
        await committed;
        committed = this.#commit(segments);
        committed.catch(() => failed.abort());
        signal.throwIfAborted();
      }
    } finally {
      await committed;
    }
  }

  async pullEvents(signal: AbortSignal): Promise<void> {
    const { name, max_event_id: targetId = 0 } = this.#sender;
    while (this.#state.lastSyncedEventId < targetId) {
      const afterId = this.#state.lastSyncedEventId;
      const rows = await this.#setting.client.events(name, { afterId, limit: EVENTS_PER_CHUNK }, signal);
      const events = toCheckedEvents(rows ?? [], afterId);
      const last = events.at(-1);
      if (last === undefined) break;
      this.#state = { ...this.#state, lastSyncedEventId: last.id };
      await this.#writer.commit({ segments: [], events, ownEvents: [], state: this.#state });
      this.#counts.events += events.length;
    }
  }

  /** The sender may wait with deleting until its receivers have what it would delete. */
  async acknowledge(signal: AbortSignal): Promise<void> {
    const { name, receivers } = this.#sender;
    const { client, receiver } = this.#setting;
    if (receivers === true) await client.acknowledge(name, receiver, this.#state.lastSyncedId, signal);
  }

  async #commit(theirs: readonly Segment[]): Promise<void> {
    const segments = theirs.map((segment) => ({ ...segment, id: segment.id + this.#state.idOffset }));
    const holes = segments.flatMap((segment) => this.#stepTo(segment));
    const audioBytes = segments.reduce((sum, segment) => sum + segment.audioData.length, 0);
    await this.#writer.commit({ segments, events: [], ownEvents: holes, state: this.#state });
    this.#counts.segments += segments.length;
    this.#counts.bytes += audioBytes;
    const { segments: count, bytes } = this.#counts;
    const { name, max_id: targetId } = this.#sender;
    this.#setting.onProgress({ name, cursor: this.#state.lastSyncedId, targetId, segments: count, bytes });
  }

  /** Moves the cursor to a segment; the event that books what is missing before it, if anything is. */
  #stepTo(segment: Segment): NewShowEvent[] {
    const { lastSyncedId, idOffset } = this.#state;
    const firstMissing = lastSyncedId + 1;
    const id = segment.id - idOffset;
    const previous = this.#previous;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#previous = segment;
    this.#state = { ...this.#state, lastSyncedId: id };
    const missing = id - firstMissing;
    if (missing < 0) throw new AppError("corrupt", `segment ${id} came twice`);
    this.#counts.skipped += missing;
    const startMs = previous === undefined ? segment.timestampMs : toEndMs(previous);
    const span = { startMs, endMs: segment.timestampMs };
    if (isFirst && span.endMs - startMs > ROUNDING_MS) {
      const detail = `the sender was replaced; it begins with its segment ${id}`;
      return [this.#book({ ...span, reason: "source-replaced", detail })];
    }
    if (missing === 0) return [];
    const detail = `segments ${firstMissing} to ${id - 1} were deleted at the sender`;
    return [this.#book({ ...span, reason: "expired-before-sync", detail })];
  }

  #book(gap: Gap): NewShowEvent {
    this.#holes = { startMs: this.#holes?.startMs ?? gap.startMs, endMs: gap.endMs };
    return toGapEvent(gap);
  }
}
