import { isDeepStrictEqual } from "node:util";

import { detectFormat, DETECT_BYTES } from "../audio/detect-format.ts";
import { createStreamParser } from "../audio/create-stream-parser.ts";
import {
  type Frame,
  type SoundShape,
  type StreamFormat,
  type StreamParser,
  toSeconds,
} from "../audio/frame.ts";
import { AppError } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import type { GapReason } from "../core/show-event.ts";
import { describeContent } from "./describe-content.ts";
import type { Ending } from "./ending.ts";
import { InflowLimit } from "./inflow-limit.ts";
import { type Chunk, readChunks } from "./read-chunks.ts";
import { StallWatch } from "./stall-watch.ts";
import type { StreamConnection } from "./stream-source.ts";

/** A stream that is no known format after this long is none, however slowly it comes. */
const DETECT_MS_MAX = 10_000;

/**
 * So many bytes without a frame in them, or bytes for so long, are no damage any more: the station sends something else. The
 * headers of Ogg are no frame yet, and its pages may hold 20 s of silence.
 */
const FRAMELESS_MAX: Readonly<Record<StreamFormat, { bytes: number; ms: number }>> = {
  mp3: { bytes: 128 * 1024, ms: 5000 },
  aac: { bytes: 128 * 1024, ms: 5000 },
  ogg: { bytes: 1280 * 1024, ms: 30_000 },
};

/** What came with one read of the network. */
export type Heard = {
  frames: readonly Frame[];
  titles: readonly string[];
  /** On the monotonic clock. */
  arrivalMs: number;
  /** Set where bytes that were no frame came before these frames: there may be sound that is lost. */
  isBehindDamage?: boolean;
  /** Set where the first frame had come as a whole before: it is held back until the next one begins. */
  isFirstHeldBack?: boolean;
  /** Set where these frames come from a new connection and go on exactly after the ones before. */
  stitch?: Stitch;
  /** Set where the station begins to code its sound in another way. */
  formatChange?: FormatChange;
};

export type FormatChange = { from: SoundShape; to: SoundShape };

/** How a new connection was joined to a lost one. */
export type Stitch = { reason: GapReason; awayMs: number; overlapFrames: number; isCertain: boolean };

/**
 * What a connection has to say; after `stalled` it may speak again, after `ended` it does not. After `changed` it goes on with
 * what needs a new decoder.
 */
export type Next =
  | { kind: "heard"; heard: Heard }
  | { kind: "stalled" | "ended" | "changed"; ending: Ending };

/**
 * Reads a connection as far as its format can be told. Throws `network` when it ends or falls silent before, and `unsupported`
 * when it is no format that is known. `signal` is the one that the connection was opened with.
 */
export async function openStationStream(
  connection: StreamConnection,
  clock: Clock,
  signal: AbortSignal,
): Promise<StationStream> {
  const chunks = readChunks(connection, clock, signal);
  const stream = new StationStream({ connection, chunks, clock, signal });
  try {
    await stream.detectFormat();
    return stream;
  } catch (error) {
    stream.close();
    throw error;
  }
}

/** A connection whose format is known, as whole frames. Whoever opened it closes it. */
export class StationStream {
  readonly #connection: StreamConnection;
  readonly #chunks: AsyncGenerator<Chunk, Ending>;
  readonly #clock: Clock;
  readonly #watch: StallWatch;
  readonly #limit = new InflowLimit();
  readonly #over = new AbortController();
  readonly #stop: AbortSignal;
  /** What was read to tell the format. */
  #held: Chunk[] = [];
  #format: StreamFormat = "mp3";
  #parser: StreamParser = createStreamParser("mp3");
  #shape: SoundShape | undefined;
  #unread: Heard[] = [];
  /** A read that goes on over a stall. */
  #pending: Promise<IteratorResult<Chunk, Ending>> | undefined;
  #ending: Ending | undefined;
  #burstMs = 0;
  #lastArrivalMs = 0;
  #newest: Uint8Array = new Uint8Array(0);
  #frameless = { bytes: 0, sinceMs: 0 };
  /** What the parser had skipped when frames came last. */
  #skippedBytes: number | undefined;

  constructor(parts: {
    connection: StreamConnection;
    chunks: AsyncGenerator<Chunk, Ending>;
    clock: Clock;
    signal: AbortSignal;
  }) {
    this.#connection = parts.connection;
    this.#chunks = parts.chunks;
    this.#clock = parts.clock;
    this.#watch = new StallWatch(parts.clock);
    this.#stop = AbortSignal.any([parts.signal, this.#over.signal]);
  }

  get format(): StreamFormat {
    return this.#format;
  }

  /** How far the sound was ahead of the time since the first arrival, at most so far: the burst. */
  get burstMs(): number {
    return this.#burstMs;
  }

  /** Has to be called first, and once. */
  async detectFormat(): Promise<void> {
    const giveUpMs = this.#clock.monotonicMs() + DETECT_MS_MAX;
    let bytes = new Uint8Array(0);
    while (bytes.length < DETECT_BYTES && this.#clock.monotonicMs() < giveUpMs) {
      const next = await this.#read();
      if (next === "stalled") throw new AppError("network", this.#toStall().detail);
      if (next.done === true) throw toUndetected(bytes, next.value);
      this.#held.push(next.value);
      bytes = concatBytes([bytes, next.value.audio]);
      const format = detectFormat(bytes);
      if (format === undefined) continue;
      this.#format = format;
      this.#parser = createStreamParser(format);
      this.#frameless.sinceMs = next.value.arrivalMs;
      return;
    }
    throw toUnsupported(describeContent(bytes) ?? "bytes of no known kind");
  }

  /** The next frames that come, or that none come any more. */
  async next(): Promise<Next> {
    const unread = this.#unread.shift();
    if (unread !== undefined) return { kind: "heard", heard: unread };
    const held = this.#held.shift();
    if (held !== undefined) return { kind: "heard", heard: this.#hear(held) };
    if (this.#parser.rest !== undefined) return { kind: "changed", ending: this.#toChange() };
    if (this.#ending !== undefined) return { kind: "ended", ending: this.#ending };
    this.#ending = this.#toFrameless();
    if (this.#ending !== undefined) return { kind: "ended", ending: this.#ending };
    const next = await this.#read();
    if (next === "stalled") return { kind: "stalled", ending: this.#toStall() };
    if (next.done !== true) return { kind: "heard", heard: this.#hear(next.value) };
    this.#ending = next.value;
    const frames = this.takeRest();
    return { kind: "heard", heard: { frames, titles: [], arrivalMs: this.#lastArrivalMs } };
  }

  /**
   * What was unread, and the last frame, if it is whole: as long as nothing follows it, it is held back. Nothing can be read any
   * more.
   */
  takeRest(): readonly Frame[] {
    const unread = this.#unread.splice(0).flatMap((heard) => heard.frames);
    return [...unread, ...this.#parser.end()];
  }

  /** Has `next` go on after `changed`. */
  goOn(): void {
    const rest = this.#parser.rest ?? new Uint8Array(0);
    this.#parser = createStreamParser(this.#format);
    this.#skippedBytes = undefined;
    this.#held.unshift({ audio: rest, titles: [], arrivalMs: this.#lastArrivalMs });
  }

  /** Has `next` answer with these first. */
  unread(heard: readonly Heard[]): void {
    this.#unread.unshift(...heard);
  }

  /** Ends the connection; may be called more than once. */
  close(): void {
    this.#over.abort();
    this.#watch[Symbol.dispose]();
    this.#connection.close();
    void this.#chunks.return({ reason: "stopped", detail: "" });
  }

  async #read(): Promise<IteratorResult<Chunk, Ending> | "stalled"> {
    await this.#waitForMeasure();
    this.#pending ??= this.#chunks.next();
    const result = await this.#watch.wait(this.#pending);
    if (result !== "stalled") this.#pending = undefined;
    return result;
  }

  /** Leaves bytes in the network while the station sends faster than anybody could listen. */
  async #waitForMeasure(): Promise<void> {
    for (;;) {
      const waitMs = this.#limit.waitMs(this.#clock.monotonicMs());
      if (waitMs === 0 || this.#stop.aborted) return;
      await this.#clock.sleep(waitMs, this.#stop);
    }
  }

  #hear({ audio, titles, arrivalMs }: Chunk): Heard {
    const frames = this.#parser.push(audio);
    this.#lastArrivalMs = arrivalMs;
    this.#newest = audio;
    this.#limit.add({ bytes: audio.length, soundMs: toSeconds(frames) * 1000, arrivalMs });
    const isFrameless = frames.length === 0;
    this.#frameless = isFrameless
      ? { ...this.#frameless, bytes: this.#frameless.bytes + audio.length }
      : { bytes: 0, sinceMs: arrivalMs };
    this.#measureBurst(arrivalMs);
    const titlesToTell = [...titles, ...this.#parser.takeTitles()];
    const isBehindDamage = this.#takeDamage(frames);
    const { isFirstHeldBack } = this.#parser;
    const told = { titles: titlesToTell, arrivalMs, isBehindDamage, isFirstHeldBack };
    const formatChange = this.#takeFormatChange();
    return formatChange === undefined ? { frames, ...told } : { frames, ...told, formatChange };
  }

  /** Before the first frame there is only the end of one that the connection does not have. */
  #takeDamage(frames: readonly Frame[]): boolean {
    if (frames.length === 0) return false;
    const knownBytes = this.#skippedBytes;
    this.#skippedBytes = this.#parser.skippedBytes;
    return knownBytes !== undefined && knownBytes !== this.#skippedBytes;
  }

  #takeFormatChange(): FormatChange | undefined {
    const from = this.#shape ?? this.#parser.firstShape;
    const to = this.#parser.shape;
    this.#shape = to ?? from;
    return from === undefined || to === undefined || isDeepStrictEqual(from, to) ? undefined : { from, to };
  }

  #measureBurst(arrivalMs: number): void {
    const aheadMs = this.#limit.aheadMs(arrivalMs);
    if (aheadMs <= this.#burstMs) return;
    this.#burstMs = aheadMs;
    this.#watch.setBurst(aheadMs);
  }

  /** What is wrong with a connection that brings no frames any more; `undefined` while it does. */
  #toFrameless(): Ending | undefined {
    const { bytes, sinceMs } = this.#frameless;
    const max = FRAMELESS_MAX[this.#format];
    const isTooLong = bytes > 0 && this.#lastArrivalMs - sinceMs > max.ms;
    if (bytes <= max.bytes && !isTooLong) return undefined;
    const detail = `no frame of ${this.#format} in the last ${Math.round(bytes / 1024)} KiB; it sends ${describeContent(this.#newest) ?? "bytes of no known kind"}`;
    return { reason: "unsupported-format", detail };
  }

  #toChange(): Ending {
    return {
      reason: "disconnected",
      detail: `the station goes over from ${this.#shape?.codec ?? ""} to another codec`,
    };
  }

  #toStall(): Ending {
    return { reason: "stalled", detail: `no byte for ${(this.#watch.stallMs / 1000).toFixed(1)} s` };
  }
}

/** A connection that was lost before it said enough, or a page that is over so soon. */
function toUndetected(bytes: Uint8Array, ending: Ending): AppError {
  const what = describeContent(bytes);
  return what === undefined ? new AppError("network", ending.detail) : toUnsupported(what);
}

function toUnsupported(what: string): AppError {
  return new AppError("unsupported", `the station sends neither MP3, ADTS AAC nor Ogg but ${what}`);
}
