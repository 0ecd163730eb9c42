import { parseAdtsHeader } from "../../src/audio/adts-header.ts";
import type { Encode } from "../../src/audio/encoder.ts";
import type { FrameFormat } from "../../src/audio/frame.ts";
import { parseMpegHeader } from "../../src/audio/mpeg-header.ts";
import { toOggPage } from "../../src/audio/ogg-page.ts";
import { toOpusHeaderPages } from "../../src/audio/opus.ts";
import { AppError } from "../../src/core/app-error.ts";
import type { SimulatedProcess } from "./simulated-machine.ts";
import { readFrame } from "./simulated-frame.ts";
import { type Run, type SampleTruth, toTruthPacket } from "./truth-packet.ts";

const PRE_SKIP_SAMPLES = 312;
const PACKET_SAMPLES = 960;

/** As much sound stays inside a real encoder. */
const HELD_SAMPLES = 80 * 48;

/** A real one works so much faster than the sound plays. */
const SPEED = 100;

const SYNTAXES = {
  mp3: { parse: parseMpegHeader, headerBytes: 4 },
  aac: { parse: parseAdtsHeader, headerBytes: 7 },
} as const;

/** A stretch of decoded sound: where it came from, `undefined` for noise. */
type Sound = { start: number; end: number; truth: SampleTruth | undefined };

/** How an encoder ended: with all that it was given, or with an error. */
type Result = { error: unknown } | "done";

/** Encoders whose packets tell which sound they hold. */
export class SimulatedEncoders {
  readonly #process: SimulatedProcess;
  readonly #children = new Set<SimulatedChild>();

  constructor(process: SimulatedProcess) {
    this.#process = process;
  }

  readonly encode: Encode = (frames, { input }, signal) => {
    if (input === "ogg") throw new Error("no simulated station sends Ogg");
    return this.#run(frames, input, signal);
  };

  /** All encoders that run end at once, as after a crash. Tells how many. */
  killAll(): number {
    const count = this.#children.size;
    for (const child of this.#children) child.die();
    return count;
  }

  async *#run(
    frames: AsyncIterable<Uint8Array>,
    input: FrameFormat,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const child = new SimulatedChild(this.#process, input);
    this.#children.add(child);
    const abort = (): void => child.abort();
    signal.addEventListener("abort", abort, { once: true });
    const forget = this.#process.onKill(() => child.abandon());
    const source = frames[Symbol.asyncIterator]();
    void child.feed(source);
    try {
      yield* child.output();
      signal.throwIfAborted();
    } finally {
      this.#children.delete(child);
      signal.removeEventListener("abort", abort);
      child.abort();
      forget();
      void source.return?.();
    }
  }
}

/** One encoder: it reads as fast as it can, and what it has encoded waits for the reader. */
class SimulatedChild {
  readonly #process: SimulatedProcess;
  readonly #input: FrameFormat;
  readonly #over = new AbortController();
  #sounds: Sound[] = [];
  #end = 0;
  #packets = 0;
  #pages: Uint8Array[] = [];
  #result: Result | undefined;
  #wake: (() => void) | undefined;

  constructor(process: SimulatedProcess, input: FrameFormat) {
    this.#process = process;
    this.#input = input;
    this.#pages.push(toOpusHeaderPages({ channels: 1, preSkipSamples: PRE_SKIP_SAMPLES }, 1));
  }

  die(): void {
    this.#settle({ error: new AppError("decoder", "the simulated encoder died") });
  }

  abort(): void {
    this.#settle("done");
  }

  /** The process is dead: nobody reads any more, and nobody is told. */
  abandon(): void {
    this.#wake = undefined;
    this.#result = "done";
  }

  async feed(frames: AsyncIterator<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const next = await frames.next();
        if (this.#result !== undefined) return;
        if (next.done === true) break;
        const soundMs = this.#decode(next.value);
        await this.#process.sleep(soundMs / SPEED, this.#over.signal);
        this.#encode(this.#end - HELD_SAMPLES);
      }
      this.#encode(this.#end + PRE_SKIP_SAMPLES);
      this.#settle("done");
    } catch (error) {
      this.#settle({ error });
    }
  }

  async *output(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const pages = this.#pages;
      this.#pages = [];
      if (pages.length > 0) yield Buffer.concat(pages);
      else if (this.#result === "done") return;
      else if (this.#result !== undefined) throw this.#result.error;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #settle(result: Result): void {
    this.#result ??= result;
    this.#over.abort();
    this.#wake?.();
  }

  /** Takes whole frames in; returns for how many milliseconds they play. */
  #decode(bytes: Uint8Array): number {
    const { parse, headerBytes } = SYNTAXES[this.#input];
    const start = this.#end;
    for (let offset = 0; offset < bytes.length;) {
      const header = parse(bytes, offset);
      if (header === undefined) throw new AppError("decoder", "the simulated encoder was fed no whole frame");
      const samples48 = (header.samples * 48_000) / header.sampleRate;
      const frame = readFrame(bytes.subarray(offset, offset + header.frameBytes), headerBytes);
      const truth =
        frame === undefined
          ? undefined
          : { epoch: frame.epoch, sample: frame.index * samples48, leftMs: frame.leftMs };
      this.#sounds.push({ start: this.#end, end: this.#end + samples48, truth });
      this.#end += samples48;
      offset += header.frameBytes;
    }
    this.#pages = this.#result === undefined ? this.#pages : [];
    return (this.#end - start) / 48;
  }

  /** Encodes whole packets up to a place; at the very end the last one is filled up with silence. */
  #encode(end: number): void {
    if (this.#result !== undefined) return;
    const isLast = end > this.#end;
    for (;;) {
      const first = this.#packets * PACKET_SAMPLES - PRE_SKIP_SAMPLES;
      if (isLast ? first >= this.#end : first + PACKET_SAMPLES > end) return;
      const packet = toTruthPacket(this.#look(first));
      const granulePosition = ++this.#packets * PACKET_SAMPLES;
      this.#pages.push(
        toOggPage({ packets: [packet], granulePosition, serial: 1, sequence: this.#packets + 1 }),
      );
      this.#wake?.();
    }
  }

  /** The origins of one packet's sound. */
  #look(first: number): Run[] {
    while ((this.#sounds[0]?.end ?? Infinity) <= first) this.#sounds.shift();
    const runs: Run[] = [];
    for (const { start, end, truth } of this.#sounds) {
      if (start >= first + PACKET_SAMPLES) break;
      // The encoder's own delay comes before the first sound, and counts as part of it.
      const from = runs.length === 0 ? first : Math.max(first, start);
      const samples = Math.min(end, first + PACKET_SAMPLES) - from;
      const last = runs.at(-1);
      if (truth === undefined) continue;
      const sample = truth.sample + from - start;
      if (last?.epoch === truth.epoch && Math.abs(last.sample + last.samples - sample) < 1) {
        last.samples += samples;
      } else {
        const leftMs = truth.leftMs + (from - start) / 48;
        runs.push({ epoch: truth.epoch, sample, leftMs, offset: from - first, samples });
      }
    }
    return runs;
  }
}
