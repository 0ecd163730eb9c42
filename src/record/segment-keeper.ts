import type { CutPiece } from "../audio/cutter.ts";
import type { Clock } from "../core/clock.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import { samplesToMs } from "../core/segment.ts";
import { SAMPLE_RATE } from "../core/show.ts";
import type { NewPiece } from "../store/recording-state.ts";
import type { Extras, ShowWriter } from "../store/sqlite-show-writer.ts";
import type { LoudnessTrack } from "./loudness-track.ts";
import type { SavePace } from "./save-pace.ts";

export type KeeperParts = {
  writer: ShowWriter;
  clock: Clock;
  pace: SavePace;
  /** Unix time of a sample of the recording, as far as it is known by now. */
  toMs: (sample: number) => number;
  loudness: LoudnessTrack;
  /** Whether the time of all sound before a sample is known for good. */
  isSettled: (sample: number) => boolean;
  /** What should become durable with the sound up to `endSample`; it is asked for again until `onStored` is told. */
  toExtras: (endSample: number) => Extras;
  onStored: () => void;
};

/**
 * Stores a recording piece by piece: each half second becomes durable at once. Whole segments take the place of their
 * pieces as soon as their time is settled, and only then can be seen. Where the disk is slow, pieces are stored less often, before
 * anything queues.
 */
export class SegmentKeeper {
  readonly #parts: KeeperParts;
  /** The pieces of all segments that are not stored yet, and how many of them are durable. */
  #pieces: CutPiece[] = [];
  #savedPieces = 0;
  #endSample: number;
  #storedSample: number;

  /** The first piece begins at `startSample`. */
  constructor(parts: KeeperParts, startSample: number) {
    this.#parts = parts;
    this.#endSample = startSample;
    this.#storedSample = startSample;
  }

  /** Where the sound that was kept ends. */
  get endSample(): number {
    return this.#endSample;
  }

  /** Where the sound that is durable ends. */
  get storedSample(): number {
    return this.#storedSample;
  }

  keep(piece: CutPiece): void {
    if (piece.isSessionStart) this.finish();
    this.#pieces.push(piece);
    this.#endSample = toEnd(piece);
    while (this.#appendFirst((end) => this.#parts.isSettled(end)));
    const unsaved = this.#pieces.slice(this.#savedPieces);
    if (samplesToMs(toSamples(unsaved)) >= this.#parts.pace.everyMs) this.#save();
  }

  /** Ends the segment in work, and stores all there is. */
  finish(): void {
    while (this.#appendFirst(() => true));
    this.#append(this.#pieces.length);
  }

  /** Takes the last pieces, and makes durable what is not yet: that takes less room than to finish the segment in work. */
  saveRest(last: readonly CutPiece[]): void {
    this.#pieces.push(...last);
    this.#endSample = last.map(toEnd).at(-1) ?? this.#endSample;
    if (this.#savedPieces < this.#pieces.length) this.#save();
  }

  /**
   * Ends the segment in work at the piece that begins nearest to `sample`. `restart` is given that piece and those behind it,
   * and what it returns takes their place.
   */
  restartAt(sample: number, restart: (held: readonly CutPiece[]) => CutPiece[]): void {
    const distances = this.#pieces.map((piece) => Math.abs(piece.startSample - sample));
    const index = distances.indexOf(Math.min(...distances, Math.abs(this.#endSample - sample)));
    const held = index < 0 ? [] : this.#pieces.splice(index);
    const replaceFromSample = held[0]?.startSample ?? this.#endSample;
    this.#savedPieces = Math.min(this.#savedPieces, this.#pieces.length);
    this.finish();
    this.#pieces = restart(held);
    if (this.#pieces.length > 0) this.#save(replaceFromSample);
  }

  /** Stores the first whole segment, if there is one and `mayStore` says so of its end. */
  #appendFirst(mayStore: (endSample: number) => boolean): boolean {
    const index = this.#pieces.findIndex((piece) => piece.isSegmentEnd);
    const last = this.#pieces[index];
    if (last === undefined || !mayStore(toEnd(last))) return false;
    this.#append(index + 1);
    return true;
  }

  #append(count: number): void {
    const pieces = this.#pieces.slice(0, count);
    const last = pieces.at(-1);
    if (last === undefined) return;
    const segment = this.#toPart(pieces);
    const endSample = toEnd(last);
    this.#store(endSample, (extras) => this.#parts.writer.append(segment, endSample, extras));
    this.#parts.loudness.forget(endSample);
    this.#pieces.splice(0, count);
    this.#savedPieces = Math.max(0, this.#savedPieces - count);
  }

  #save(replaceFromSample?: number): void {
    const parts: NewPiece[] = [];
    let begun: CutPiece[] = [];
    for (const piece of this.#pieces.slice(this.#savedPieces)) {
      begun.push(piece);
      if (!piece.isSegmentEnd) continue;
      parts.push(this.#toPart(begun));
      begun = [];
    }
    if (begun.length > 0) parts.push(this.#toPart(begun));
    this.#store(this.#endSample, (extras) => {
      this.#parts.writer.savePieces(parts, extras, replaceFromSample);
    });
    this.#savedPieces = this.#pieces.length;
  }

  /** Neighbouring pieces of one segment as one, with the time and the flag of the segment. */
  #toPart(pieces: readonly CutPiece[]): NewPiece {
    const [first] = pieces;
    const index = first === undefined ? 0 : this.#pieces.indexOf(first);
    const segmentStart = this.#pieces.findLastIndex((piece, at) => at < index && piece.isSegmentEnd) + 1;
    const start = this.#pieces[segmentStart];
    const startSample = first?.startSample ?? 0;
    const durationSamples = toSamples(pieces);
    const begunSamples = (startSample - (start?.startSample ?? 0)) % SAMPLE_RATE;
    return {
      startSample,
      isSegmentEnd: pieces.at(-1)?.isSegmentEnd ?? false,
      timestampMs: this.#parts.toMs(start?.startSample ?? 0),
      isTimestampFromSource: start?.isSessionStart ?? false,
      durationSamples,
      loudness: this.#parts.loudness.toLoudness(startSample - begunSamples, begunSamples + durationSamples),
      audioData: concatBytes(pieces.map((piece) => piece.audioData)),
    };
  }

  #store(endSample: number, write: (extras: Extras) => void): void {
    const { clock, pace, toExtras, onStored } = this.#parts;
    const startMs = clock.monotonicMs();
    const storedSample = Math.max(this.#storedSample, endSample);
    write(toExtras(storedSample));
    onStored();
    pace.observe(clock.monotonicMs() - startMs);
    this.#storedSample = storedSample;
  }
}

function toEnd(piece: CutPiece): number {
  return piece.startSample + piece.durationSamples;
}

function toSamples(pieces: readonly CutPiece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.durationSamples, 0);
}
