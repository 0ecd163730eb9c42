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
  #startSample = 0;
  #endSample = 0;
  #segmentEndSample: number;
  #segmentBytes = 0;

  constructor(splitIntervalSeconds: number) {
    this.#segmentSamples = splitIntervalSeconds * SAMPLE_RATE;
    this.#segmentEndSample = this.#segmentSamples;
  }

  /** The sample of the session at which the piece in work should end. */
  get targetSample(): number {
    return Math.min(this.#startSample + PIECE_SAMPLES, this.#segmentEndSample);
  }

  /** Adds bytes that lengthen the decoded sound by `durationSamples`. */
  add(bytes: Uint8Array, durationSamples: number): void {
    this.#parts.push(bytes);
    this.#segmentBytes += bytes.length;
    this.#endSample += durationSamples;
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
      isSegmentEnd,
    };
    this.#parts = [];
    this.#startSample = this.#endSample;
    if (isSegmentEnd) this.#segmentBytes = 0;
    while (this.#segmentEndSample <= this.#endSample) this.#segmentEndSample += this.#segmentSamples;
    return [piece];
  }
}
