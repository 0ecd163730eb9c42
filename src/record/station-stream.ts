import { detectFormat, DETECT_BYTES } from "../audio/detect-format.ts";
import { FrameParser } from "../audio/frame-parser.ts";
import type { FrameFormat, Frames } from "../audio/frame.ts";
import { AppError, toReason } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import type { GapReason } from "../core/show-event.ts";
import { IcyDemuxer } from "./icy-demuxer.ts";
import { STALL_MS, StallWatchdog } from "./stall-watchdog.ts";
import type { StreamConnection } from "./stream-source.ts";

/** Why a connection or a session is over. */
export type Ending = { reason: GapReason; detail: string };

/** What came with one read of the network. */
export type Heard = {
  frames: Frames;
  titles: string[];
  /** On the monotonic clock. */
  arrivalMs: number;
};

/** A connection whose format is known. */
export type StationStream = {
  format: FrameFormat;
  /** Whole frames until the connection ends, stalls or is aborted; how it ended is what the generator returns. */
  heard: AsyncGenerator<Heard, Ending>;
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
  const chunks = readChunks(connection, clock, signal);
  const held: Chunk[] = [];
  for (let bytes = 0; bytes < DETECT_BYTES;) {
    const next = await chunks.next();
    if (next.done === true) throw new AppError("network", next.value.detail);
    held.push(next.value);
    bytes += next.value.audio.length;
    const format = detectFormat(concatBytes(held.map((chunk) => chunk.audio)));
    if (format !== undefined) return { format, heard: toHeard(format, held, chunks) };
  }
  await chunks.return({ reason: "unsupported-format", detail: "" });
  throw new AppError("unsupported", "the station sends neither MP3 nor ADTS AAC");
}

async function* toHeard(
  format: FrameFormat,
  held: readonly Chunk[],
  rest: AsyncGenerator<Chunk, Ending>,
): AsyncGenerator<Heard, Ending> {
  const parser = new FrameParser(format);
  let arrivalMs = 0;
  try {
    for (const chunk of held) {
      ({ arrivalMs } = chunk);
      yield { frames: parser.push(chunk.audio), titles: chunk.titles, arrivalMs };
    }
    for (;;) {
      const next = await rest.next();
      if (next.done === true) {
        yield { frames: parser.end(), titles: [], arrivalMs };
        return next.value;
      }
      ({ arrivalMs } = next.value);
      yield { frames: parser.push(next.value.audio), titles: next.value.titles, arrivalMs };
    }
  } finally {
    await rest.return({ reason: "stopped", detail: "" });
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
  using watchdog = new StallWatchdog(connection, clock);
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
    connection.close();
  }
  return { reason: "stalled", detail: `no byte for ${STALL_MS / 1000} s` };
}
