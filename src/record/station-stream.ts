import { detectFormat, DETECT_BYTES } from "../audio/detect-format.ts";
import { FrameParser } from "../audio/frame-parser.ts";
import type { FrameFormat, Frames } from "../audio/frame.ts";
import { AppError, toReason } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import type { GapReason } from "../core/show-event.ts";
import { IcyDemuxer } from "./icy-demuxer.ts";
import { StallWatchdog } from "./stall-watchdog.ts";
import type { StreamConnection } from "./stream-source.ts";

/** Why a connection or a session is over. */
export type Ending = { reason: GapReason; detail: string };

/** What came with one read of the network. */
export type Heard = {
  frames: Frames;
  titles: string[];
  /** On the monotonic clock. */
  arrivalMs: number;
  /** Set where these frames come from a new connection and go on exactly after the ones before. */
  stitch?: Stitch;
};

/** How a new connection was joined to a lost one. */
export type Stitch = { reason: GapReason; awayMs: number; overlapFrames: number; isCertain: boolean };

/** A connection whose format is known. */
export type StationStream = {
  format: FrameFormat;
  /** Whole frames until the connection ends, stalls or is aborted; how it ended is what the generator returns. */
  heard: AsyncGenerator<Heard, Ending>;
  /** How far the sound is ahead of the time since the first arrival, at most so far: the burst. */
  readonly burstMs: number;
};

type Chunk = { audio: Uint8Array; titles: string[]; arrivalMs: number };

/**
 * Reads a connection as far as its format can be told. Throws `network` when it ends before, and `unsupported` when it is no
 * format that is known. `signal` is the one that the connection was opened with.
 */
export async function openStationStream(
  connection: StreamConnection,
  clock: Clock,
  signal: AbortSignal,
): Promise<StationStream> {
  const watchdog = new StallWatchdog(connection, clock);
  const chunks = readChunks(connection, watchdog, { clock, signal });
  const held: Chunk[] = [];
  for (let bytes = 0; bytes < DETECT_BYTES;) {
    const next = await chunks.next();
    if (next.done === true) throw new AppError("network", next.value.detail);
    held.push(next.value);
    bytes += next.value.audio.length;
    const format = detectFormat(concatBytes(held.map((chunk) => chunk.audio)));
    if (format !== undefined) return new FrameStream(format, withHeld(held, chunks), watchdog);
  }
  await chunks.return({ reason: "unsupported-format", detail: "" });
  throw new AppError("unsupported", "the station sends neither MP3 nor ADTS AAC");
}

/** What was read to tell the format, and then the rest. */
async function* withHeld(
  held: readonly Chunk[],
  rest: AsyncGenerator<Chunk, Ending>,
): AsyncGenerator<Chunk, Ending> {
  try {
    yield* held;
    return yield* rest;
  } finally {
    await rest.return({ reason: "stopped", detail: "" });
  }
}

/** Cuts chunks into frames, and measures the burst on the way. */
class FrameStream implements StationStream {
  readonly format: FrameFormat;
  readonly heard: AsyncGenerator<Heard, Ending>;
  readonly #watchdog: StallWatchdog;
  #firstArrivalMs: number | undefined;
  #heardMs = 0;
  #burstMs = 0;

  constructor(format: FrameFormat, chunks: AsyncGenerator<Chunk, Ending>, watchdog: StallWatchdog) {
    this.format = format;
    this.#watchdog = watchdog;
    this.heard = this.#hear(chunks);
  }

  get burstMs(): number {
    return this.#burstMs;
  }

  async *#hear(chunks: AsyncGenerator<Chunk, Ending>): AsyncGenerator<Heard, Ending> {
    const parser = new FrameParser(this.format);
    let arrivalMs = 0;
    try {
      for (;;) {
        const next = await chunks.next();
        if (next.done === true) {
          yield { frames: parser.end(), titles: [], arrivalMs };
          return next.value;
        }
        ({ arrivalMs } = next.value);
        const frames = parser.push(next.value.audio);
        this.#measureBurst(frames.durationSeconds * 1000, arrivalMs);
        yield { frames, titles: next.value.titles, arrivalMs };
      }
    } finally {
      await chunks.return({ reason: "stopped", detail: "" });
    }
  }

  #measureBurst(durationMs: number, arrivalMs: number): void {
    this.#firstArrivalMs ??= arrivalMs;
    this.#heardMs += durationMs;
    const aheadMs = this.#heardMs - (arrivalMs - this.#firstArrivalMs);
    if (aheadMs <= this.#burstMs) return;
    this.#burstMs = aheadMs;
    this.#watchdog.setBurst(aheadMs);
  }
}

/** The bytes of a connection, until it is over for whatever reason: that is told, never thrown. */
async function* readChunks(
  connection: StreamConnection,
  watchdog: StallWatchdog,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): AsyncGenerator<Chunk, Ending> {
  const icy =
    connection.icyMetaInterval === undefined ? undefined : new IcyDemuxer(connection.icyMetaInterval);
  try {
    for await (const bytes of connection.body) {
      watchdog.pause();
      const arrivalMs = clock.monotonicMs();
      yield { ...(icy?.push(bytes) ?? { audio: bytes, titles: [] }), arrivalMs };
      watchdog.resume();
    }
    if (!watchdog.hasBitten) return { reason: "disconnected", detail: "the station closed the connection" };
  } catch (error) {
    if (signal.aborted) return { reason: "stopped", detail: "" };
    if (!watchdog.hasBitten) return { reason: "disconnected", detail: toReason(error) };
  } finally {
    watchdog[Symbol.dispose]();
    connection.close();
  }
  return { reason: "stalled", detail: `no byte for ${(watchdog.stallMs / 1000).toFixed(1)} s` };
}
