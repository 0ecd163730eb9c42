import { ByteQueue } from "../core/byte-queue.ts";
import { ADTS_HEADER_BYTES, parseAdtsHeader } from "./adts-header.ts";
import type { Frame, FrameFormat, FrameHeader, ParseFrameHeader, SoundShape, StreamParser } from "./frame.ts";
import { MPEG_HEADER_BYTES, parseMpegHeader } from "./mpeg-header.ts";

/** Both syntaxes begin with eight ones. */
const SYNC_BYTE = 0xff;

type Syntax = { parse: ParseFrameHeader; headerBytes: number };

const SYNTAXES: Readonly<Record<FrameFormat, Syntax>> = {
  mp3: { parse: parseMpegHeader, headerBytes: MPEG_HEADER_BYTES },
  aac: { parse: parseAdtsHeader, headerBytes: ADTS_HEADER_BYTES },
};

/**
 * Cuts MP3 or ADTS into frames.
 *
 * While in step, a frame is passed on when its own header is right and the next one follows it. After anything else the
 * parser looks for two headers that agree, one right behind the other: a single match is common inside damaged audio,
 * and a decoder that is fed such a frame loses far more than the frame. A header that only seems to be one may tell of a frame of
 * 8 KiB, which takes seconds to come, or whose end happens to be that of a real one: where two frames, one behind the other, begin
 * inside it, it is not waited for, and not taken. At the end of the stream the last frame, which nothing follows, is passed on when
 * it is whole.
 */
export class FrameParser implements StreamParser {
  readonly #format: FrameFormat;
  readonly #syntax: Syntax;
  readonly #queue = new ByteQueue();
  #skippedBytes = 0;
  #isFirstHeldBack = false;
  /** Whether the next byte is right behind a frame. */
  #isInStep = false;
  #first: FrameHeader | undefined;
  #last: FrameHeader | undefined;

  constructor(format: FrameFormat) {
    this.#format = format;
    this.#syntax = SYNTAXES[format];
  }

  get isFirstHeldBack(): boolean {
    return this.#isFirstHeldBack;
  }

  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  get firstShape(): SoundShape | undefined {
    return this.#toShape(this.#first);
  }

  get shape(): SoundShape | undefined {
    return this.#toShape(this.#last);
  }

  /** Other frames are no frames to this parser. */
  get rest(): undefined {
    return undefined;
  }

  push(chunk: Uint8Array): Frame[] {
    const [heldBytes, skippedBytes] = [this.#queue.length, this.#skippedBytes];
    this.#queue.push(chunk);
    const frames = this.#take(false);
    const firstBytes = frames[0]?.bytes.length ?? Infinity;
    this.#isFirstHeldBack = firstBytes <= heldBytes && skippedBytes === this.#skippedBytes;
    return frames;
  }

  /** Returns the last frame when it is whole. */
  end(): Frame[] {
    return this.#take(true);
  }

  /** None: ID3 tags do not come in streams. */
  takeTitles(): readonly string[] {
    return [];
  }

  #take(isEnd: boolean): Frame[] {
    const { headerBytes } = this.#syntax;
    const bytes = this.#queue.peek();
    const taken: Frame[] = [];
    let takenBytes = 0;
    let stepOffset = this.#isInStep ? 0 : -1;
    /** The first place at which a frame may begin that is not whole yet. */
    let begunOffset: number | undefined;
    let offset = 0;
    while (offset + headerBytes <= bytes.length) {
      const found = this.#find(bytes, offset, isEnd);
      if (found === "begun" && offset === stepOffset) break;
      if (found === "begun") begunOffset ??= offset;
      const end = typeof found === "string" ? offset : offset + found.frameBytes;
      const isProved = begunOffset === undefined || typeof this.#find(bytes, end, isEnd) !== "string";
      const isFound = typeof found !== "string" && isProved;
      if (!isFound || (offset !== stepOffset && this.#holdsFrames(bytes, offset, end, isEnd))) {
        offset++;
        continue;
      }
      taken.push({ bytes: bytes.subarray(offset, end), durationSeconds: found.samples / found.sampleRate });
      this.#first ??= found;
      this.#last = found;
      takenBytes += found.frameBytes;
      begunOffset = undefined;
      stepOffset = offset = end;
    }
    const usedBytes = begunOffset ?? offset;
    this.#isInStep = usedBytes === stepOffset;
    this.#skippedBytes += usedBytes - takenBytes;
    this.#queue.consume(usedBytes);
    return taken;
  }

  /** What begins at a place: a frame, one that may be whole when more has come, or none. */
  #find(bytes: Uint8Array, offset: number, isEnd: boolean): FrameHeader | "begun" | "none" {
    const { parse, headerBytes } = this.#syntax;
    if (offset + headerBytes > bytes.length) return isEnd ? "none" : "begun";
    const header = parse(bytes, offset);
    if (header === undefined) return "none";
    const end = offset + header.frameBytes;
    if (!isEnd && end + headerBytes > bytes.length) return "begun";
    return this.#isFollowed(bytes, end, header, isEnd) ? header : "none";
  }

  /** Whether two frames, one behind the other, begin behind `offset` and before `end`. */
  #holdsFrames(bytes: Uint8Array, offset: number, end: number, isEnd: boolean): boolean {
    for (let start = offset + 1; start < end; start++) {
      if (bytes[start] !== SYNC_BYTE) continue;
      const found = this.#find(bytes, start, isEnd);
      if (typeof found === "string" || start + found.frameBytes >= end) continue;
      if (typeof this.#find(bytes, start + found.frameBytes, isEnd) !== "string") return true;
    }
    return false;
  }

  #toShape(header: FrameHeader | undefined): SoundShape | undefined {
    if (header === undefined) return undefined;
    return { codec: this.#format, sampleRate: header.sampleRate, channels: header.channels };
  }

  #isFollowed(bytes: Uint8Array, end: number, header: FrameHeader, isEnd: boolean): boolean {
    if (end + this.#syntax.headerBytes > bytes.length) return isEnd && end <= bytes.length;
    const next = this.#syntax.parse(bytes, end);
    return next !== undefined && next.sampleRate === header.sampleRate;
  }
}
