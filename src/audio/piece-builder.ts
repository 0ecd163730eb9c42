import { concatBytes } from "../core/concat-bytes.ts";
import { RECORDED_SEGMENT_BYTES_MAX } from "../core/segment.ts";
import { SAMPLE_RATE } from "../core/show.ts";
import type { CutPiece } from "./cutter.ts";

/** Half a second. */
const PIECE_SAMPLES: number = SAMPLE_RATE / 2;

/** Collects the parts of one piece after the other, and knows where pieces and segments have to end. */
export class PieceBuilder {
  readonly #segmentSamples: number;
  #parts: Uint8Array[] = [];
  #isSessionStart = true;
  #startSample: number;
  #endSample: number;
  #segmentEndSample: number;
  #splitSample = Infinity;
  #segmentBytes = 0;

  constructor(splitIntervalSeconds: number, startSample: number) {
    this.#segmentSamples = splitIntervalSeconds * SAMPLE_RATE;
    this.#startSample = startSample;
    this.#endSample = startSample;
    this.#segmentEndSample = startSample + this.#segmentSamples;
  }

  /** Where the piece in work begins. */
  get startSample(): number {
    return this.#startSample;
  }

  /** Where the piece in work ends by now. */
  get endSample(): number {
    return this.#endSample;
  }

  /** The sample of the recording at which the piece in work should end. */
  get targetSample(): number {
    const endSample = Math.min(this.#startSample + PIECE_SAMPLES, this.#segmentEndSample);
    return this.#splitSample > this.#startSample ? Math.min(endSample, this.#splitSample) : endSample;
  }

  /** Where a piece was last told to end; infinite when none was. */
  get splitSample(): number {
    return this.#splitSample;
  }

  /** Whether nothing of the session has been added yet. */
  get isSessionStart(): boolean {
    return this.#isSessionStart && this.#parts.length === 0;
  }

  /** Adds bytes that lengthen the decoded sound by `durationSamples`. */
  add(bytes: Uint8Array, durationSamples: number): void {
    this.#parts.push(bytes);
    this.#segmentBytes += bytes.length;
    this.#endSample += durationSamples;
  }

  splitAt(sample: number): void {
    this.#splitSample = sample;
  }

  /** Whether the piece in work has reached its length, or its segment as many bytes as a row may have. */
  get isFull(): boolean {
    return this.#endSample >= this.targetSample || this.#segmentBytes >= RECORDED_SEGMENT_BYTES_MAX;
  }

  /** Ends the piece in work; none when it holds nothing. */
  take(): CutPiece[] {
    if (this.#parts.length === 0) return [];
    const isSegmentEnd =
      this.#endSample >= this.#segmentEndSample || this.#segmentBytes >= RECORDED_SEGMENT_BYTES_MAX;
    const piece: CutPiece = {
      audioData: concatBytes(this.#parts),
      startSample: this.#startSample,
      durationSamples: this.#endSample - this.#startSample,
      isSessionStart: this.#isSessionStart,
      isSegmentEnd,
    };
    this.#parts = [];
    this.#isSessionStart = false;
    this.#startSample = this.#endSample;
    if (isSegmentEnd) this.#segmentBytes = 0;
    while (this.#segmentEndSample <= this.#endSample) this.#segmentEndSample += this.#segmentSamples;
    return [piece];
  }

  /** Forgets the piece in work, and begins a session at `startSample`. */
  restart(startSample: number): void {
    this.#parts = [];
    this.#isSessionStart = true;
    this.#startSample = startSample;
    this.#endSample = startSample;
    this.#segmentEndSample = startSample + this.#segmentSamples;
    this.#segmentBytes = 0;
  }

  /** The same for streams whose bytes are the same in every session: behind `head`, what was held comes again. */
  restartWith(head: Uint8Array, held: readonly CutPiece[]): CutPiece[] {
    const open = { bytes: concatBytes(this.#parts), durationSamples: this.#endSample - this.#startSample };
    this.restart(held[0]?.startSample ?? this.#startSample);
    if (head.length > 0) this.add(head, 0);
    const pieces: CutPiece[] = [];
    for (const { audioData, durationSamples } of held) {
      this.add(audioData, durationSamples);
      pieces.push(...this.take());
    }
    if (open.bytes.length > 0) this.add(open.bytes, open.durationSamples);
    return pieces;
  }
}
