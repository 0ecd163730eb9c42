import { runFfmpeg } from "../audio/ffmpeg.ts";
import { FrameParser } from "../audio/frame-parser.ts";
import type { FrameFormat } from "../audio/frame.ts";
import { parseAdtsHeader } from "../audio/adts-header.ts";
import { parseMpegHeader } from "../audio/mpeg-header.ts";
import { AppError, toReason } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import { renderToneClock } from "./tone-clock.ts";

/** How a stream is encoded. */
export type StreamShape = { format: FrameFormat; bitrateKbps: number; sampleRate: number; channels: 1 | 2 };

/** A whole frame, and the Unix time at which the first sample that it decodes to is to be heard. */
export type TimedFrame = { bytes: Uint8Array; dueMs: number };

/** How far ahead of time the sound is encoded: enough for an encoder that waits for a busy processor. */
const LOOKAHEAD_MS = 3000;
/** A feed is ready when this much is encoded ahead. */
const READY_AHEAD_MS = 1000;
const RENDER_MS = 250;

/**
 * By how many samples the decoded sound comes after the encoder's input, encoder and decoder together; what ffmpeg 5.1
 * was measured to do with LAME and its own AAC, at every rate.
 */
const DELAY_SAMPLES: Readonly<Record<FrameFormat, number>> = { mp3: 1105, aac: 1024 };

const PARSE_HEADER = { mp3: parseMpegHeader, aac: parseAdtsHeader } as const;

/** The tone clock from `startMs` on, encoded a few seconds ahead by one ffmpeg child until it is closed. */
export class ToneFeed {
  readonly shape: StreamShape;
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #stop = new AbortController();
  readonly #frames: TimedFrame[] = [];
  readonly #reading: Promise<void>;
  #frameCount = 0;
  #lastDueMs = -Infinity;
  #renderedMs: number;
  #silence = { fromMs: 0, toMs: 0 };
  #failure: AppError | undefined;

  constructor(shape: StreamShape, startMs: number, clock: Clock) {
    this.shape = shape;
    this.#clock = clock;
    this.#startMs = startMs;
    this.#renderedMs = startMs;
    this.#reading = this.#read();
  }

  /** Why no frames come any more; `undefined` while all is well. */
  get failure(): AppError | undefined {
    return this.#failure;
  }

  /** When the next frame is due; `undefined` while none is encoded. */
  get nextDueMs(): number | undefined {
    return this.#frames[0]?.dueMs;
  }

  /** How far the encoder is ahead of time; below 0 when it is late. */
  get aheadMs(): number {
    return this.#lastDueMs - this.#clock.nowMs();
  }

  /** Resolves when frames are there for the present and some time to come. Throws when the encoder fails. */
  async waitUntilReady(signal: AbortSignal): Promise<void> {
    while (this.aheadMs < READY_AHEAD_MS) {
      if (this.#failure !== undefined) throw this.#failure;
      signal.throwIfAborted();
      await this.#clock.sleep(10, signal);
    }
  }

  /** Takes out the frames that are due at `nowMs`. */
  takeDue(nowMs: number): TimedFrame[] {
    const firstLater = this.#frames.findIndex(({ dueMs }) => dueMs > nowMs);
    return this.#frames.splice(0, firstLater === -1 ? this.#frames.length : firstLater);
  }

  /** Has digital silence instead of the clock for `ms`, as soon as it can, and tells when that will be. */
  playSilence(ms: number): { fromMs: number; toMs: number } {
    this.#silence = { fromMs: this.#renderedMs, toMs: this.#renderedMs + ms };
    return this.#silence;
  }

  /** Ends the child and waits until it is gone. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const parser = new FrameParser(this.shape.format);
    try {
      for await (const chunk of runFfmpeg(toEncoderArgs(this.shape), this.#render(), this.#stop.signal)) {
        for (const { bytes } of parser.push(chunk)) this.#enqueue(bytes);
      }
    } catch (error) {
      // Thrown to nobody here; whoever takes frames sees it.
      this.#failure =
        error instanceof AppError ? error : new AppError("decoder", toReason(error), { cause: error });
    }
  }

  /** Renders what is needed to stay ahead of time, and waits while it is. */
  async *#render(): AsyncGenerator<Uint8Array> {
    const { sampleRate, channels } = this.shape;
    const samples = Math.round((sampleRate * RENDER_MS) / 1000);
    for (let rendered = 0; !this.#stop.signal.aborted;) {
      if (this.#renderedMs - this.#clock.nowMs() >= LOOKAHEAD_MS) {
        await this.#clock.sleep(RENDER_MS, this.#stop.signal);
        continue;
      }
      const startMs = this.#renderedMs;
      const isSilent = startMs >= this.#silence.fromMs && startMs < this.#silence.toMs;
      const pcm = isSilent
        ? new Int16Array(samples * channels)
        : renderToneClock({ startMs, sampleRate, samples, channels });
      rendered += samples;
      this.#renderedMs = this.#startMs + (rendered * 1000) / sampleRate;
      yield new Uint8Array(pcm.buffer);
    }
  }

  #enqueue(bytes: Uint8Array): void {
    const header = PARSE_HEADER[this.shape.format](bytes, 0);
    if (header === undefined) throw new AppError("decoder", "the encoder's frames cannot be told apart");
    // ffmpeg goes over to a rate that the format has, which would put every sound at a wrong time.
    if (header.sampleRate !== this.shape.sampleRate) {
      throw new AppError("usage", `${this.shape.format} has no sample rate of ${this.shape.sampleRate} Hz`);
    }
    const samples = this.#frameCount * header.samples - DELAY_SAMPLES[this.shape.format];
    this.#lastDueMs = this.#startMs + (samples * 1000) / header.sampleRate;
    this.#frames.push({ bytes, dueMs: this.#lastDueMs });
    this.#frameCount++;
  }
}

function toEncoderArgs({ format, bitrateKbps, sampleRate, channels }: StreamShape): string[] {
  const input = `-nostdin -threads 1 -f s16le -ar ${sampleRate} -ac ${channels} -i pipe:0 -map_metadata -1`;
  const codec = { mp3: "-c:a libmp3lame -write_xing 0 -id3v2_version 0 -f mp3", aac: "-c:a aac -f adts" }[
    format
  ];
  return `${input} -b:a ${bitrateKbps}k ${codec} -flush_packets 1 pipe:1`.split(" ");
}
