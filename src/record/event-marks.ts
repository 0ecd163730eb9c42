import type { SoundShape } from "../audio/frame.ts";
import type { NewShowEvent } from "../core/show-event.ts";
import type { FormatChange, Heard, Stitch } from "./station-stream.ts";

/**
 * More than this of one kind in a minute of sound tells nothing any more: a station that changes its title all the time is broken,
 * and what else happens there is told all the same.
 */
const MARKS_PER_MINUTE_MAX = 30;
const MINUTE_SECONDS = 60;

/** Something that happened at a place of the stream; its time is settled when it is stored. */
type Mark = { seconds: number; kind: string; data: NewShowEvent["data"] };

/** Titles, stitches and the like, between being heard and being stored. */
export class EventMarks {
  readonly #toMs: (seconds: number) => number;
  #marks: Mark[] = [];
  #title: string | undefined;
  #minute = { startSeconds: 0, counts: new Map<string, number>() };

  constructor(toMs: (seconds: number) => number) {
    this.#toMs = toMs;
  }

  /** Takes note of what was told together with sound that ends at `endSeconds`. */
  add({ titles, stitch, formatChange }: Heard, endSeconds: number): void {
    for (const title of titles) {
      // A new connection tells the title that is still on.
      if (title !== this.#title) this.addMark("title", { title }, endSeconds);
      this.#title = title;
    }
    if (formatChange !== undefined) this.addMark("format", toFormatData(formatChange), endSeconds);
    if (stitch !== undefined) this.addMark("stitch", toStitchData(stitch), endSeconds);
  }

  addMark(kind: string, data: Mark["data"], seconds: number): void {
    if (seconds - this.#minute.startSeconds >= MINUTE_SECONDS)
      this.#minute = { startSeconds: seconds, counts: new Map() };
    const { counts } = this.#minute;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    if (count <= MARKS_PER_MINUTE_MAX) this.#marks.push({ seconds, kind, data });
  }

  toEvents(): NewShowEvent[] {
    return this.#marks.map(({ seconds, kind, data }) => ({ timestampMs: this.#toMs(seconds), kind, data }));
  }

  clear(): void {
    this.#marks = [];
  }
}

function toStitchData(stitch: Stitch): Mark["data"] {
  return {
    reason: stitch.reason,
    away_ms: Math.round(stitch.awayMs),
    overlap_frames: stitch.overlapFrames,
    is_certain: stitch.isCertain,
  };
}

function toFormatData({ from, to }: FormatChange): Mark["data"] {
  return { from: toShapeData(from), to: toShapeData(to) };
}

function toShapeData({ codec, sampleRate, channels }: SoundShape): Mark["data"] {
  return { codec, sample_rate: sampleRate, channels };
}
