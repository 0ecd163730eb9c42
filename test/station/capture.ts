import { connect } from "node:net";

import { parseAdtsHeader } from "../../src/audio/adts-header.ts";
import type { FrameFormat } from "../../src/audio/frame.ts";
import { parseMpegHeader } from "../../src/audio/mpeg-header.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { type ToneReport, measureToneClock } from "../../src/station/tone-clock-report.ts";
import { readTones } from "./ffmpeg.ts";

/** One connection to a station, of which all bytes are kept with the times at which they came. */
export type Capture = {
  /** Bytes so far, head included. */
  bytes: () => Uint8Array;
  head: () => string;
  /** What comes after the head, so far. */
  body: () => Uint8Array;
  /** When the byte at this offset of the body came, as Unix time. */
  arrivalMs: (offset: number) => number;
  /** The longest time without a byte so far, in ms. */
  longestPauseMs: () => number;
  isClosed: () => boolean;
  /** How the connection failed, when it did. */
  errorCode: () => string | undefined;
  pause: () => void;
  close: () => void;
};

/** Connects and asks for a mount. `headers` are lines with their line ends. */
export function capture(port: number, path: string, headers = ""): Capture {
  const chunks: { atMs: number; bytes: Uint8Array }[] = [];
  let isClosed = false;
  let errorCode: string | undefined;
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: station\r\n${headers}\r\n`);
  socket.on("data", (bytes: Buffer) => chunks.push({ atMs: Date.now(), bytes }));
  socket.on("close", () => (isClosed = true));
  socket.on("error", (error: NodeJS.ErrnoException) => (errorCode = error.code));
  const bytes = (): Uint8Array => concatBytes(chunks.map((chunk) => chunk.bytes));
  const headLength = (): number => Buffer.from(bytes()).indexOf("\r\n\r\n") + 4;
  return {
    bytes,
    head: () => Buffer.from(bytes().subarray(0, headLength())).toString("utf8"),
    body: () => bytes().subarray(headLength()),
    arrivalMs(offset) {
      let left = offset + headLength();
      return chunks.find(({ bytes }) => (left -= bytes.length) < 0)?.atMs ?? NaN;
    },
    longestPauseMs: () =>
      Math.max(...chunks.slice(1).map(({ atMs }, index) => atMs - (chunks[index]?.atMs ?? atMs))),
    isClosed: () => isClosed,
    errorCode: () => errorCode,
    pause: () => socket.pause(),
    close: () => socket.destroy(),
  };
}

/** A frame, where it begins in the stream's bytes and in its sound. */
export type PlacedFrame = { offset: number; bytes: Uint8Array; startS: number };

/** Cuts a stream that begins with a frame; stops at what is none, or not whole. */
export function toFrames(stream: Uint8Array, format: FrameFormat): PlacedFrame[] {
  const parse = format === "mp3" ? parseMpegHeader : parseAdtsHeader;
  const frames: PlacedFrame[] = [];
  let startS = 0;
  for (let offset = 0; ;) {
    const header = parse(stream, offset);
    if (header === undefined || offset + header.frameBytes > stream.length) return frames;
    frames.push({ offset, bytes: stream.subarray(offset, offset + header.frameBytes), startS });
    offset += header.frameBytes;
    startS += header.samples / header.sampleRate;
  }
}

/** Measures a capture of whole frames against the times at which they came, from `fromMs` (Unix time) on. */
export async function measureArrivals(
  { body, arrivalMs }: Capture,
  { format, fromMs }: { format: FrameFormat; fromMs: number },
): Promise<ToneReport> {
  const stream = body();
  const frames = toFrames(stream, format);
  const toClaimedMs = (sample: number): number => {
    const frame = frames.findLast(({ startS }) => startS <= sample / 48_000);
    if (frame === undefined) return NaN;
    return arrivalMs(frame.offset) + sample / 48 - frame.startS * 1000;
  };
  const { marks, silences } = await readTones(stream);
  const live = marks.filter(({ sample }) => toClaimedMs(sample) >= fromMs);
  return measureToneClock({ marks: live, silences, toClaimedMs });
}
