import { concatBytes } from "../core/concat-bytes.ts";
import { RECORDED_SEGMENT_BYTES_MAX } from "../core/segment.ts";
import type { ShowFormat } from "../core/show.ts";
import type { CutStart, Cutter, CutPiece } from "./cutter.ts";
import { PieceBuilder } from "./piece-builder.ts";
import { PCM_SAMPLE_BYTES, toWavHeader } from "./wav-header.ts";

/** Cuts interleaved 16-bit PCM, and puts the header of a streamed WAV before a session's first sample. */
export class WavCutter implements Cutter {
  readonly #builder: PieceBuilder;
  readonly #channels: number;
  readonly #frameBytes: number;
  #positionSample: number;
  #preRollBytes: number;
  /** Less than one sample of all channels, left over from the last chunk. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(format: Pick<ShowFormat, "channels" | "splitIntervalSeconds">, start: CutStart) {
    this.#channels = format.channels;
    this.#frameBytes = format.channels * PCM_SAMPLE_BYTES;
    this.#preRollBytes = start.preRollSamples * this.#frameBytes;
    this.#positionSample = start.startSample;
    this.#builder = new PieceBuilder(format.splitIntervalSeconds, start.startSample);
  }

  push(chunk: Uint8Array): CutPiece[] {
    const kept = chunk.subarray(Math.min(this.#preRollBytes, chunk.length));
    this.#preRollBytes -= chunk.length - kept.length;
    const bytes = concatBytes([this.#rest, kept]);
    const wholeBytes = bytes.length - (bytes.length % this.#frameBytes);
    this.#rest = bytes.subarray(wholeBytes);
    const cut: CutPiece[] = [];
    for (let offset = 0; offset < wholeBytes;) {
      // A split may have been asked for where the sound had come already.
      if (this.#builder.isFull) cut.push(...this.#builder.take());
      const roomSamples = this.#builder.targetSample - this.#positionSample;
      const roomBytes = Math.min(roomSamples * this.#frameBytes, RECORDED_SEGMENT_BYTES_MAX);
      const end = Math.min(offset + roomBytes, wholeBytes);
      cut.push(...this.#add(bytes.subarray(offset, end)));
      offset = end;
    }
    return cut;
  }

  splitAt(sample: number): void {
    this.#builder.splitAt(sample);
  }

  restart(held: readonly CutPiece[]): CutPiece[] {
    return this.#builder.restartWith(toWavHeader({ channels: this.#channels }), held);
  }

  end(): CutPiece[] {
    return this.#builder.take();
  }

  #add(pcm: Uint8Array): CutPiece[] {
    if (this.#builder.isSessionStart) this.#builder.add(toWavHeader({ channels: this.#channels }), 0);
    const samples = pcm.length / this.#frameBytes;
    this.#positionSample += samples;
    this.#builder.add(pcm, samples);
    return this.#builder.isFull ? this.#builder.take() : [];
  }
}
