import { detectFormat, DETECT_BYTES } from "../audio/detect-format.ts";
import { FrameParser } from "../audio/frame-parser.ts";
import { type Frame, type FrameFormat, toSeconds } from "../audio/frame.ts";
import { AppError, toReason } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import type { GapReason } from "../core/show-event.ts";
import { IcyDemuxer } from "./icy-demuxer.ts";
import { StallWatch } from "./stall-watch.ts";
import type { StreamConnection } from "./stream-source.ts";

/** Why a connection or a session is over. */
export type Ending = { reason: GapReason; detail: string };

/** An ending in words. */
export function toText({ reason, detail }: Ending): string {
  return detail === "" ? reason : `${reason}: ${detail}`;
}

/** What came with one read of the network. */
export type Heard = {
  frames: readonly Frame[];
  titles: readonly string[];
  /** On the monotonic clock. */
  arrivalMs: number;
  /** Set where these frames come from a new connection and go on exactly after the ones before. */
  stitch?: Stitch;
};

/** How a new connection was joined to a lost one. */
export type Stitch = { reason: GapReason; awayMs: number; overlapFrames: number; isCertain: boolean };

/** What a connection has to say; after `stalled` it may speak again, after `ended` it does not. */
export type Next = { kind: "heard"; heard: Heard } | { kind: "stalled" | "ended"; ending: Ending };

/** Bytes without a frame in them for so long are no damage any more: the station has changed its format. */
const DEAF_MS = 5000;

type Chunk = { audio: Uint8Array; titles: readonly string[]; arrivalMs: number };

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
  const stream = new StationStream({ connection, chunks, watch: new StallWatch(clock) });
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
  readonly #watch: StallWatch;
  /** What was read to tell the format. */
  #held: Chunk[] = [];
  #parser: FrameParser | undefined;
  #format: FrameFormat = "mp3";
  #unread: Heard[] = [];
  /** A read that goes on over a stall. */
  #pending: Promise<IteratorResult<Chunk, Ending>> | undefined;
  #ending: Ending | undefined;
  #firstArrivalMs: number | undefined;
  #heardMs = 0;
  #burstMs = 0;

  constructor(parts: {
    connection: StreamConnection;
    chunks: AsyncGenerator<Chunk, Ending>;
    watch: StallWatch;
  }) {
    this.#connection = parts.connection;
    this.#chunks = parts.chunks;
    this.#watch = parts.watch;
  }

  get format(): FrameFormat {
    return this.#format;
  }

  /** How far the sound was ahead of the time since the first arrival, at most so far: the burst. */
  get burstMs(): number {
    return this.#burstMs;
  }

  /** Has to be called first, and once. */
  async detectFormat(): Promise<void> {
    for (let bytes = 0; bytes < DETECT_BYTES;) {
      const next = await this.#read();
      if (next === "stalled") throw new AppError("network", this.#toStall().detail);
      if (next.done === true) throw new AppError("network", next.value.detail);
      this.#held.push(next.value);
      bytes += next.value.audio.length;
      const format = detectFormat(concatBytes(this.#held.map((chunk) => chunk.audio)));
      if (format === undefined) continue;
      this.#format = format;
      this.#parser = new FrameParser(format);
      return;
    }
    throw new AppError("unsupported", "the station sends neither MP3 nor ADTS AAC");
  }

  /** The next frames that come, or that none come any more. */
  async next(): Promise<Next> {
    const unread = this.#unread.shift();
    if (unread !== undefined) return { kind: "heard", heard: unread };
    const held = this.#held.shift();
    if (held !== undefined) return { kind: "heard", heard: this.#hear(held) };
    if (this.#ending !== undefined) return { kind: "ended", ending: this.#ending };
    const next = await this.#read();
    if (next === "stalled") return { kind: "stalled", ending: this.#toStall() };
    if (next.done !== true) {
      const heard = this.#hear(next.value);
      if (heard.arrivalMs - this.#lastFrameMs > DEAF_MS) {
        this.#ending = { reason: "unsupported-format", detail: "what it sends has become something else" };
        this.#connection.close();
      }
      return { kind: "heard", heard };
    }
    this.#ending = next.value;
    const frames = this.takeRest();
    return { kind: "heard", heard: { frames, titles: [], arrivalMs: this.#lastArrivalMs } };
  }

  /** The last frame, if it is whole: as long as nothing follows it, it is held back. Nothing can be read any more. */
  takeRest(): readonly Frame[] {
    return this.#parser?.end() ?? [];
  }

  /** Has `next` answer with these first. */
  unread(heard: readonly Heard[]): void {
    this.#unread.unshift(...heard);
  }

  /** Ends the connection; may be called more than once. */
  close(): void {
    this.#watch[Symbol.dispose]();
    this.#connection.close();
    void this.#chunks.return({ reason: "stopped", detail: "" });
  }

  #lastArrivalMs = 0;
  #lastFrameMs = Infinity;

  async #read(): Promise<IteratorResult<Chunk, Ending> | "stalled"> {
    this.#pending ??= this.#chunks.next();
    const result = await this.#watch.wait(this.#pending);
    if (result !== "stalled") this.#pending = undefined;
    return result;
  }

  #hear({ audio, titles, arrivalMs }: Chunk): Heard {
    const frames = this.#parser?.push(audio) ?? [];
    this.#lastArrivalMs = arrivalMs;
    if (frames.length > 0 || this.#lastFrameMs === Infinity) this.#lastFrameMs = arrivalMs;
    this.#measureBurst(toSeconds(frames) * 1000, arrivalMs);
    return { frames, titles, arrivalMs };
  }

  #measureBurst(durationMs: number, arrivalMs: number): void {
    this.#firstArrivalMs ??= arrivalMs;
    this.#heardMs += durationMs;
    const aheadMs = this.#heardMs - (arrivalMs - this.#firstArrivalMs);
    if (aheadMs <= this.#burstMs) return;
    this.#burstMs = aheadMs;
    this.#watch.setBurst(aheadMs);
  }

  #toStall(): Ending {
    return { reason: "stalled", detail: `no byte for ${(this.#watch.stallMs / 1000).toFixed(1)} s` };
  }
}

/** The bytes of a connection, until it is over for whatever reason: that is told, never thrown. */
async function* readChunks(
  connection: StreamConnection,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Chunk, Ending> {
  const icy =
    connection.icyMetaInterval === undefined ? undefined : new IcyDemuxer(connection.icyMetaInterval);
  try {
    for await (const bytes of connection.body) {
      const arrivalMs = clock.monotonicMs();
      yield { ...(icy?.push(bytes) ?? { audio: bytes, titles: [] }), arrivalMs };
    }
    if (signal.aborted) return { reason: "stopped", detail: "" };
    return { reason: "disconnected", detail: "the station closed the connection" };
  } catch (error) {
    if (signal.aborted) return { reason: "stopped", detail: "" };
    return { reason: "disconnected", detail: toReason(error) };
  } finally {
    connection.close();
  }
}
