import { createCutter } from "../audio/create-cutter.ts";
import { ENCODER_DELAY_SAMPLES } from "../audio/encoder.ts";
import { samplesToMs } from "../core/segment.ts";
import type { Clock } from "../core/clock.ts";
import type { NewShowEvent } from "../core/show-event.ts";
import type { ShowFormat } from "../core/show.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import type { AirClock } from "./air-clock.ts";
import type { GapLedger } from "./gap-ledger.ts";
import { SegmentKeeper } from "./segment-keeper.ts";
import type { Ending, Heard, StationStream } from "./station-stream.ts";

/** More changes of the title than this within one segment are not kept. */
const TITLES_PER_SEGMENT_MAX = 100;

type Title = { positionSeconds: number; title: string };

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
  #titles: Title[] = [];
  #events: NewShowEvent[] = [];
  #ending: Ending = { reason: "decoder-failed", detail: "" };

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

  /** Why the station's stream was over; the decoder's fault until the stream has told its own reason. */
  get ending(): Ending {
    return this.#ending;
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
  async *listen(stream: StationStream): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const next = await stream.heard.next();
        if (next.done === true) {
          this.#ending = next.value;
          return;
        }
        this.#note(next.value);
        if (next.value.frames.count > 0) yield next.value.frames.bytes;
      }
    } finally {
      await stream.heard.return(this.#ending);
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

  #note({ frames, titles, arrivalMs }: Heard): void {
    this.#parts.onArrival(arrivalMs);
    for (const title of titles) {
      if (this.#titles.length < TITLES_PER_SEGMENT_MAX) {
        this.#titles.push({ positionSeconds: this.#heardSeconds, title });
      }
    }
    if (frames.count === 0) return;
    this.#heardSeconds += frames.durationSeconds;
    const lastFrameSeconds = frames.durationSeconds / frames.count;
    this.#parts.air.observe(arrivalMs, this.#heardSeconds - lastFrameSeconds);
  }

  #takeEvents(isFirst: boolean): NewShowEvent[] {
    const startMs = this.#toMs(0);
    const gap = isFirst ? this.#parts.gaps.close(startMs) : [];
    const first = this.#events.map((event) => ({ ...event, timestampMs: startMs }));
    const titles = this.#titles.map(({ positionSeconds, title }) => ({
      timestampMs: this.#parts.air.startMs + positionSeconds * 1000,
      kind: "title",
      data: { title },
    }));
    this.#events = [];
    this.#titles = [];
    return [...gap, ...first, ...titles];
  }

  #toMs(sample: number): number {
    const delaySamples = ENCODER_DELAY_SAMPLES[this.#parts.format.audioFormat];
    return this.#parts.air.startMs + samplesToMs(sample - delaySamples);
  }
}
