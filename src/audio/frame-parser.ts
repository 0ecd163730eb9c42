import { ByteQueue } from "../core/byte-queue.ts";
import { ADTS_HEADER_BYTES, parseAdtsHeader } from "./adts-header.ts";
import type { Frame, FrameFormat, FrameHeader, ParseFrameHeader, SoundShape, StreamParser } from "./frame.ts";
import { MPEG_HEADER_BYTES, parseMpegHeader } from "./mpeg-header.ts";

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
 * and a decoder that is fed such a frame loses far more than the frame. At the end of the stream the last frame, which
 * nothing follows, is passed on when it is whole.
 */
export class FrameParser implements StreamParser {
  readonly #format: FrameFormat;
  readonly #syntax: Syntax;
  readonly #queue = new ByteQueue();
  #skippedBytes = 0;
  #first: FrameHeader | undefined;
  #last: FrameHeader | undefined;

  constructor(format: FrameFormat) {
    this.#format = format;
    this.#syntax = SYNTAXES[format];
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
    this.#queue.push(chunk);
    return this.#take(false);
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
    const { parse, headerBytes } = this.#syntax;
    const bytes = this.#queue.peek();
    const taken: Frame[] = [];
    let offset = 0;
    while (offset + headerBytes <= bytes.length) {
      const header = parse(bytes, offset);
      const end = header === undefined ? offset : offset + header.frameBytes;
      if (header !== undefined && !isEnd && end + headerBytes > bytes.length) break;
      if (header === undefined || !this.#isFollowed(bytes, end, header, isEnd)) {
        offset++;
        this.#skippedBytes++;
        continue;
      }
      taken.push({
        bytes: bytes.subarray(offset, end),
        durationSeconds: header.samples / header.sampleRate,
      });
      this.#first ??= header;
      this.#last = header;
      offset = end;
    }
    this.#queue.consume(offset);
    return taken;
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
