import { createCutter } from "../audio/create-cutter.ts";
import { ENCODER_DELAY_SAMPLES } from "../audio/encoder.ts";
import { toSeconds } from "../audio/frame.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import { samplesToMs } from "../core/segment.ts";
import type { Clock } from "../core/clock.ts";
import type { NewShowEvent } from "../core/show-event.ts";
import type { ShowFormat } from "../core/show.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import type { AirClock } from "./air-clock.ts";
import type { GapLedger } from "./gap-ledger.ts";
import { SegmentKeeper } from "./segment-keeper.ts";
import type { Heard, Stitch } from "./station-stream.ts";
import type { UnbrokenEnd } from "./unbroken-stream.ts";

/** More titles and stitches than this within one piece of sound are not kept. */
const MARKS_MAX = 100;

/** Something that happened at a place of the stream; its time is settled when it is stored. */
type Mark = { positionSeconds: number; kind: string; data: Readonly<Record<string, unknown>> };

export type SessionParts = {
  format: ShowFormat;
  writer: ShowWriter;
  clock: Clock;
  air: AirClock;
  gaps: GapLedger;
  /** Told of each arrival, with the time on the monotonic clock. */
  onArrival: (arrivalMs: number) => void;
};

/**
 * One session while it is being recorded: it sees what goes into the encoder and what comes out, and gives each piece its
 * place in time.
 */
export class Session {
  readonly #parts: SessionParts;
  readonly #cutter;
  readonly #keeper: SegmentKeeper;
  #heardSeconds = 0;
  #marks: Mark[] = [];
  #title: string | undefined;
  #events: NewShowEvent[] = [];
  #end: UnbrokenEnd = { ending: { reason: "decoder-failed", detail: "" }, next: undefined };

  constructor(parts: SessionParts, firstEvents: readonly NewShowEvent[]) {
    this.#parts = parts;
    this.#cutter = createCutter(parts.format);
    this.#keeper = new SegmentKeeper({
      writer: parts.writer,
      clock: parts.clock,
      toMs: (sample) => this.#toMs(sample),
      takeEvents: (isFirst) => this.#takeEvents(isFirst),
    });
    this.#events = [...firstEvents];
  }

  /** How the station's stream was over; the decoder's fault until the stream has told its own reason. */
  get unbrokenEnd(): UnbrokenEnd {
    return this.#end;
  }

  /** Seconds of sound that came from the station. */
  get heardSeconds(): number {
    return this.#heardSeconds;
  }

  /** Unix time at which the stored sound ends; `undefined` when nothing was stored. */
  get endMs(): number | undefined {
    const { storedSamples } = this.#keeper;
    return storedSamples === 0 ? undefined : this.#toMs(storedSamples);
  }

  /** Passes on the station's frames and takes note of when they came. */
  async *listen(stream: AsyncGenerator<Heard, UnbrokenEnd>): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const next = await stream.next();
        if (next.done === true) {
          this.#end = next.value;
          return;
        }
        this.#note(next.value);
        if (next.value.frames.length > 0) yield concatBytes(next.value.frames.map((frame) => frame.bytes));
      }
    } finally {
      await stream.return(this.#end);
    }
  }

  /** Takes what the encoder emits and stores the pieces that it completes. */
  add(chunk: Uint8Array): void {
    for (const piece of this.#cutter.push(chunk)) this.#keeper.keep(piece);
  }

  /** Stores what is left as a short last segment. */
  end(): void {
    for (const piece of this.#cutter.end()) this.#keeper.keep(piece);
    this.#keeper.finish();
  }

  #note({ frames, titles, arrivalMs, stitch }: Heard): void {
    this.#parts.onArrival(arrivalMs);
    for (const title of titles) {
      // A new connection tells the title that is still on.
      if (title !== this.#title) this.#mark("title", { title });
      this.#title = title;
    }
    if (stitch !== undefined) this.#mark("stitch", toStitchData(stitch));
    const last = frames.at(-1);
    if (last === undefined) return;
    this.#heardSeconds += toSeconds(frames);
    this.#parts.air.observe(arrivalMs, this.#heardSeconds - last.durationSeconds);
  }

  #takeEvents(isFirst: boolean): NewShowEvent[] {
    const startMs = this.#toMs(0);
    const gap = isFirst ? this.#parts.gaps.close(startMs) : [];
    const first = this.#events.map((event) => ({ ...event, timestampMs: startMs }));
    const marks = this.#marks.map(({ positionSeconds, kind, data }) => ({
      timestampMs: this.#parts.air.startMs + positionSeconds * 1000,
      kind,
      data,
    }));
    this.#events = [];
    this.#marks = [];
    return [...gap, ...first, ...marks];
  }

  #mark(kind: string, data: Mark["data"]): void {
    if (this.#marks.length < MARKS_MAX) this.#marks.push({ positionSeconds: this.#heardSeconds, kind, data });
  }

  #toMs(sample: number): number {
    const delaySamples = ENCODER_DELAY_SAMPLES[this.#parts.format.audioFormat];
    return this.#parts.air.startMs + samplesToMs(sample - delaySamples);
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
