import type { CutPiece } from "../audio/cutter.ts";
import type { Clock } from "../core/clock.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import { type NewSegment, samplesToMs } from "../core/segment.ts";
import type { NewShowEvent } from "../core/show-event.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";

/** How much sound a kill may cost on a disk that keeps up. */
const SAVE_EVERY_MS = 500;

/** And on one that does not: beyond this, the sound would only pile up in memory. */
const SAVE_EVERY_MS_MAX = 5000;

/** A disk may be busy with one show for this share of the time. */
const BUSY_SHARE_MAX = 0.2;

export type KeeperParts = {
  writer: ShowWriter;
  clock: Clock;
  /** Unix time of a sample of the session, as far as it is known by now. */
  toMs: (sample: number) => number;
  /** What has happened since the last call and should be stored now. */
  takeEvents: (isFirst: boolean) => readonly NewShowEvent[];
};

/**
 * Stores a session piece by piece: each half second becomes durable at once, and whole segments take the place of their
 * pieces. Where the disk is slow, pieces are stored less often, before anything queues.
 */
export class SegmentKeeper {
  readonly #parts: KeeperParts;
  /** The pieces of the segment in work, and how many of them are durable. */
  #pieces: CutPiece[] = [];
  #savedPieces = 0;
  #storedSamples = 0;
  #saveEveryMs = SAVE_EVERY_MS;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Samples of the session that are durable. */
  get storedSamples(): number {
    return this.#storedSamples;
  }

  /** How much sound a kill may cost at the moment. */
  get saveEveryMs(): number {
    return this.#saveEveryMs;
  }

  keep(piece: CutPiece): void {
    this.#pieces.push(piece);
    if (piece.isSegmentEnd) this.finish();
    else if (samplesToMs(toSamples(this.#unsaved)) >= this.#saveEveryMs) this.#save();
  }

  /** Ends the segment in work, if there is one. */
  finish(): void {
    const segment = this.#toPart(this.#pieces);
    if (segment === undefined) return;
    this.#store(() => void this.#parts.writer.append(segment, this.#takeEvents()));
    this.#pieces = [];
    this.#savedPieces = 0;
  }

  #save(): void {
    const part = this.#toPart(this.#unsaved);
    if (part === undefined) return;
    this.#store(() => this.#parts.writer.savePiece(part, this.#takeEvents()));
    this.#savedPieces = this.#pieces.length;
  }

  get #unsaved(): readonly CutPiece[] {
    return this.#pieces.slice(this.#savedPieces);
  }

  /** Neighbouring pieces of the segment in work as one, with the time and the flag of the segment. */
  #toPart(pieces: readonly CutPiece[]): NewSegment | undefined {
    const [first] = this.#pieces;
    if (first === undefined || pieces.length === 0) return undefined;
    return {
      timestampMs: this.#parts.toMs(first.startSample),
      isTimestampFromSource: first.startSample === 0,
      durationSamples: toSamples(pieces),
      audioData: concatBytes(pieces.map((piece) => piece.audioData)),
    };
  }

  #takeEvents(): readonly NewShowEvent[] {
    return this.#parts.takeEvents(this.#storedSamples === 0);
  }

  #store(write: () => void): void {
    const startMs = this.#parts.clock.monotonicMs();
    write();
    const tookMs = this.#parts.clock.monotonicMs() - startMs;
    this.#saveEveryMs = Math.min(SAVE_EVERY_MS_MAX, Math.max(SAVE_EVERY_MS, tookMs / BUSY_SHARE_MAX));
    const last = this.#pieces.at(-1);
    if (last !== undefined) this.#storedSamples = last.startSample + last.durationSamples;
  }
}

function toSamples(pieces: readonly CutPiece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.durationSamples, 0);
}
