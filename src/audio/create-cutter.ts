import type { ShowFormat } from "../core/show.ts";
import { AdtsCutter } from "./adts-cutter.ts";
import type { Cutter } from "./cutter.ts";
import { OpusCutter } from "./opus-cutter.ts";
import { WavCutter } from "./wav-cutter.ts";

/** The cutter for one session of a show. */
export function createCutter(format: ShowFormat): Cutter {
  switch (format.audioFormat) {
    case "opus":
      return new OpusCutter(format);
    case "aac":
      return new AdtsCutter(format);
    case "wav":
      return new WavCutter(format);
  }
}
