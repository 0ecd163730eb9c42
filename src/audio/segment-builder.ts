import { concatBytes } from "../core/concat-bytes.ts";
import { RECORDED_SEGMENT_BYTES_MAX } from "../core/segment.ts";
import { SAMPLE_RATE } from "../core/show.ts";
import type { CutSegment } from "./cutter.ts";

/** Collects the parts of one segment after the other and knows where each has to end. */
export class SegmentBuilder {
  readonly #segmentSamples: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #startSample = 0;
  #endSample = 0;
  #targetSample: number;

  constructor(splitIntervalSeconds: number) {
    this.#segmentSamples = splitIntervalSeconds * SAMPLE_RATE;
    this.#targetSample = this.#segmentSamples;
  }

  /** The sample of the session at which the segment in work should end. */
  get targetSample(): number {
    return this.#targetSample;
  }

  /** Adds bytes that lengthen the decoded sound by `durationSamples`. */
  add(bytes: Uint8Array, durationSamples: number): void {
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    this.#endSample += durationSamples;
  }

  /** Whether the segment in work has reached its length, or as many bytes as a row may have. */
  get isFull(): boolean {
    return this.#endSample >= this.#targetSample || this.#bytes >= RECORDED_SEGMENT_BYTES_MAX;
  }

  /** Ends the segment in work; none when it holds nothing. */
  take(): CutSegment[] {
    if (this.#parts.length === 0) return [];
    const segment: CutSegment = {
      audioData: concatBytes(this.#parts),
      startSample: this.#startSample,
      durationSamples: this.#endSample - this.#startSample,
    };
    this.#parts = [];
    this.#bytes = 0;
    this.#startSample = this.#endSample;
    while (this.#targetSample <= this.#endSample) this.#targetSample += this.#segmentSamples;
    return [segment];
  }
}
