import type { ShowFormat } from "../core/show.ts";
import { parseAdtsHeader } from "./adts-header.ts";
import type { CutStart, Cutter, CutPiece } from "./cutter.ts";
import { FrameParser } from "./frame-parser.ts";
import type { Frame } from "./frame.ts";
import { PieceBuilder } from "./piece-builder.ts";

const NO_HEAD = new Uint8Array(0);

/** Of AAC-LC, the only kind that is kept. */
const FRAME_SAMPLES = 1024;

/**
 * Cuts ADTS AAC between frames. The frames of two encoders do not lie on one grid, and ADTS has no way to leave a part of a
 * frame out: behind a pre-roll, less than a frame of sound may be heard again.
 */
export class AdtsCutter implements Cutter {
  readonly #parser = new FrameParser("aac");
  readonly #builder: PieceBuilder;
  #preRollSamples: number;

  constructor(format: Pick<ShowFormat, "splitIntervalSeconds">, start: CutStart) {
    const againSamples = start.preRollSamples % FRAME_SAMPLES;
    this.#builder = new PieceBuilder(format.splitIntervalSeconds, start.startSample - againSamples);
    this.#preRollSamples = start.preRollSamples;
  }

  push(chunk: Uint8Array): CutPiece[] {
    return this.#add(this.#parser.push(chunk));
  }

  splitAt(sample: number): void {
    this.#builder.splitAt(sample);
  }

  restart(held: readonly CutPiece[]): CutPiece[] {
    return this.#builder.restartWith(NO_HEAD, held);
  }

  end(): CutPiece[] {
    return [...this.#add(this.#parser.end()), ...this.#builder.take()];
  }

  #add(frames: readonly Frame[]): CutPiece[] {
    const cut: CutPiece[] = [];
    for (const { bytes } of frames) {
      const samples = parseAdtsHeader(bytes, 0)?.samples ?? 0;
      if (this.#preRollSamples >= samples) {
        this.#preRollSamples -= samples;
        continue;
      }
      this.#preRollSamples = 0;
      // A split may have been asked for where the sound had come already.
      if (this.#builder.isFull) cut.push(...this.#builder.take());
      this.#builder.add(bytes, samples);
      if (this.#builder.isFull) cut.push(...this.#builder.take());
    }
    return cut;
  }
}
