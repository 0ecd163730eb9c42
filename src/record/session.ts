import type { CutSegment } from "../audio/cutter.ts";
import { createCutter } from "../audio/create-cutter.ts";
import { ENCODER_DELAY_SAMPLES } from "../audio/encoder.ts";
import { samplesToMs } from "../core/segment.ts";
import type { NewShowEvent } from "../core/show-event.ts";
import type { ShowFormat } from "../core/show.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import type { AirClock } from "./air-clock.ts";
import type { GapLedger } from "./gap-ledger.ts";
import type { Ending, Heard, StationStream } from "./station-stream.ts";

/** More changes of the title than this within one segment are not kept. */
const TITLES_PER_SEGMENT_MAX = 100;

type Title = { positionSeconds: number; title: string };

export type SessionParts = {
  format: ShowFormat;
  writer: ShowWriter;
  air: AirClock;
  gaps: GapLedger;
  /** Told of each arrival, with the time on the monotonic clock. */
  onArrival: (arrivalMs: number) => void;
};

/**
 * One session while it is being recorded: it sees what goes into the encoder and what comes out, gives each segment its
 * place in time and stores it.
 *
 * Times are settled as late as possible: titles wait for the next segment, and the first segment takes whatever is
 * known about the start by then.
 */
export class Session {
  readonly #parts: SessionParts;
  readonly #cutter;
  #heardSeconds = 0;
  #storedSamples = 0;
  #titles: Title[] = [];
  #events: NewShowEvent[] = [];
  #ending: Ending = { reason: "decoder-failed", detail: "" };

  constructor(parts: SessionParts, firstEvents: readonly NewShowEvent[]) {
    this.#parts = parts;
    this.#cutter = createCutter(parts.format);
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
    return this.#storedSamples === 0 ? undefined : this.#toMs(this.#storedSamples);
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

  /** Takes what the encoder emits and stores the segments that it completes. */
  add(chunk: Uint8Array): void {
    for (const cut of this.#cutter.push(chunk)) this.#store(cut);
  }

  /** Stores what is left as a short last segment. */
  end(): void {
    for (const cut of this.#cutter.end()) this.#store(cut);
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

  #store(cut: CutSegment): void {
    const timestampMs = this.#toMs(cut.startSample);
    const isFirst = cut.startSample === 0;
    const gap = isFirst ? this.#parts.gaps.close(timestampMs) : [];
    this.#parts.writer.append(
      {
        timestampMs,
        isTimestampFromSource: isFirst,
        durationSamples: cut.durationSamples,
        audioData: cut.audioData,
      },
      [...gap, ...this.#takeEvents(timestampMs)],
    );
    this.#storedSamples = cut.startSample + cut.durationSamples;
  }

  #takeEvents(startMs: number): NewShowEvent[] {
    const first = this.#events.map((event) => ({ ...event, timestampMs: startMs }));
    const titles = this.#titles.map(({ positionSeconds, title }) => ({
      timestampMs: this.#parts.air.startMs + positionSeconds * 1000,
      kind: "title",
      data: { title },
    }));
    this.#events = [];
    this.#titles = [];
    return [...first, ...titles];
  }

  #toMs(sample: number): number {
    const delaySamples = ENCODER_DELAY_SAMPLES[this.#parts.format.audioFormat];
    return this.#parts.air.startMs + samplesToMs(sample - delaySamples);
  }
}
