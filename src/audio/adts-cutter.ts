import type { ShowFormat } from "../core/show.ts";
import { parseAdtsHeader } from "./adts-header.ts";
import type { Cutter, CutPiece } from "./cutter.ts";
import { FrameParser } from "./frame-parser.ts";
import type { Frame } from "./frame.ts";
import { PieceBuilder } from "./piece-builder.ts";

/** Cuts ADTS AAC between frames. */
export class AdtsCutter implements Cutter {
  readonly #parser = new FrameParser("aac");
  readonly #builder: PieceBuilder;

  constructor(format: Pick<ShowFormat, "splitIntervalSeconds">) {
    this.#builder = new PieceBuilder(format.splitIntervalSeconds);
  }

  push(chunk: Uint8Array): CutPiece[] {
    return this.#add(this.#parser.push(chunk));
  }

  end(): CutPiece[] {
    return [...this.#add(this.#parser.end()), ...this.#builder.take()];
  }

  #add(frames: readonly Frame[]): CutPiece[] {
    const cut: CutPiece[] = [];
    for (const { bytes } of frames) {
      this.#builder.add(bytes, parseAdtsHeader(bytes, 0)?.samples ?? 0);
      if (this.#builder.isFull) cut.push(...this.#builder.take());
    }
    return cut;
  }
}
