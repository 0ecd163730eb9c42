import type { ShowFormat } from "../core/show.ts";
import { AdtsCutter } from "./adts-cutter.ts";
import type { CutStart, Cutter } from "./cutter.ts";
import { OpusCutter } from "./opus-cutter.ts";
import { WavCutter } from "./wav-cutter.ts";

/** The cutter for what one encoder emits. */
export function createCutter(format: ShowFormat, start: CutStart): Cutter {
  switch (format.audioFormat) {
    case "opus":
      return new OpusCutter(format, start);
    case "aac":
      return new AdtsCutter(format, start);
    case "wav":
      return new WavCutter(format, start);
  }
}
