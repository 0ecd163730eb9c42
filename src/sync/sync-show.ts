import { AppError } from "../core/app-error.ts";
import { type Segment, type SegmentHead, toEndMs } from "../core/segment.ts";
import { type NewShowEvent, toGapEvent } from "../core/show-event.ts";
import type {
  RecipientState,
  RecipientStore,
  RecipientView,
  RecipientWriter,
} from "../store/recipient-writer.ts";
import {
  requireNotBehind,
  requireSameRow,
  requireSameSource,
  requireUsable,
  toRecipientMetadata,
} from "./agreement.ts";
import { toCheckedEvents, toCheckedSegments } from "./check-rows.ts";
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
  lastSyncedId: number;
};

export type SyncSetting = {
  client: SenderClient;
  store: RecipientStore;
  /** How this receiver calls itself to its senders. */
  receiver: string;
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
  if (known !== undefined) await requireAgreement(name, known, { sender, client }, signal);
  await using writer = await store.open(name, () => ({
    metadata: toRecipientMetadata(sender),
    state: toFirstState(sender),
  }));
  requireSameSource(name, writer.metadata.text, sender);
  const state = await writer.state();
  const held = await writer.lastHeld();
  const pass = new ShowPass(setting, { sender, writer, state, held });
  await pass.pullSegments(signal);
  await pass.pullEvents(signal);
  await writer.finishFill();
  await pass.acknowledge(signal);
  return pass.summary();
}

/** Throws `mismatch` when a recipient cannot go on with this sender. Nothing has been written yet, the lock included. */
async function requireAgreement(
  name: string,
  known: RecipientView,
  { sender, client }: { sender: WireMetadata; client: SenderClient },
  signal: AbortSignal,
): Promise<void> {
  const { metadata, state, lastHeld } = known;
  requireSameSource(name, metadata.text, sender);
  requireNotBehind(name, state, sender);
  if (lastHeld === undefined) return;
  const range = { startId: lastHeld.id, endId: lastHeld.id };
  requireSameRow(name, lastHeld, (await client.digests(name, range, signal)) ?? []);
}

/** What was deleted before a recipient first came is no hole. */
function toFirstState(sender: WireMetadata): RecipientState {
  const firstId = sender.max_id === 0 ? (sender.last_id ?? 0) + 1 : sender.min_id;
  return { lastSyncedId: Math.max(0, firstId - 1), lastSyncedEventId: 0 };
}

type PassParts = {
  sender: WireMetadata;
  writer: RecipientWriter;
  state: RecipientState;
  held: SegmentHead | undefined;
};

class ShowPass {
  readonly #setting: SyncSetting;
  readonly #sender: WireMetadata;
  readonly #writer: RecipientWriter;
  #state: RecipientState;
  /** The newest row held, for the time at which a hole behind it begins. */
  #previous: SegmentHead | undefined;
  #counts = { segments: 0, bytes: 0, events: 0, skipped: 0 };

  constructor(setting: SyncSetting, parts: PassParts) {
    this.#setting = setting;
    this.#sender = parts.sender;
    this.#writer = parts.writer;
    this.#state = parts.state;
    this.#previous = parts.held;
  }

  summary(): SyncSummary {
    return { name: this.#sender.name, ...this.#counts, lastSyncedId: this.#state.lastSyncedId };
  }

  async pullSegments(signal: AbortSignal): Promise<void> {
    const { name, max_id: targetId, head_crc32: hasHeadCrc32 = false } = this.#sender;
    const { client, chunkSize: rowsMax } = this.#setting;
    const { audioFormat, channels } = this.#writer.metadata.format;
    const range = { startId: this.#state.lastSyncedId + 1, endId: targetId };
    // When no row is left, the rest was deleted meanwhile. It is booked as a hole once there is a row behind it to tell where it ends.
    for await (const rows of client.segments(name, range, rowsMax, signal)) {
      const startId = this.#state.lastSyncedId + 1;
      const expected = { startId, endId: targetId, audioFormat, channels, hasHeadCrc32 };
      await this.#commit(toCheckedSegments(rows, expected));
      signal.throwIfAborted();
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

  async #commit(segments: readonly Segment[]): Promise<void> {
    const holes = segments.flatMap((segment) => this.#stepTo(segment));
    await this.#writer.commit({ segments, events: [], ownEvents: holes, state: this.#state });
    this.#counts.segments += segments.length;
    this.#counts.bytes += segments.reduce((sum, segment) => sum + segment.audioData.length, 0);
    const { segments: count, bytes } = this.#counts;
    const { name, max_id: targetId } = this.#sender;
    this.#setting.onProgress({ name, cursor: this.#state.lastSyncedId, targetId, segments: count, bytes });
  }

  /** Moves the cursor to a segment; the event that books what is missing before it, if anything is. */
  #stepTo(segment: Segment): NewShowEvent[] {
    const firstMissing = this.#state.lastSyncedId + 1;
    const previous = this.#previous;
    this.#previous = segment;
    this.#state = { ...this.#state, lastSyncedId: segment.id };
    const missing = segment.id - firstMissing;
    if (missing < 0) throw new AppError("corrupt", `segment ${segment.id} came twice`);
    if (missing === 0) return [];
    this.#counts.skipped += missing;
    const startMs = previous === undefined ? segment.timestampMs : toEndMs(previous);
    const detail = `segments ${firstMissing} to ${segment.id - 1} were deleted at the sender`;
    return [toGapEvent({ startMs, endMs: segment.timestampMs, reason: "expired-before-sync", detail })];
  }
}
