import { ByteQueue } from "../core/byte-queue.ts";
import type { Frame, SoundShape, StreamParser } from "./frame.ts";
import { OggLogicalStream } from "./ogg-logical-stream.ts";
import { isOggCapture, OGG_PAGE_BYTES_MAX, type OggPage, parseOggPage } from "./ogg-page.ts";

/** "OggS" begins with it. */
const CAPTURE_FIRST_BYTE = 0x4f;

/**
 * Cuts Ogg into pages: a frame is one whole page of sound whose CRC is right. Header pages are no frames but come with each
 * frame of their logical stream. So frames that two connections have in common are equal, whatever headers come before.
 *
 * Where streams follow each other in a chain, the newest headers count. ffmpeg cannot go over to another codec in
 * mid-stream: where a chain does, the parser stops. Pages that no headers came for are left out, as are all streams but one
 * where several run beside each other.
 */
export class OggStreamParser implements StreamParser {
  readonly #queue = new ByteQueue();
  #stream: OggLogicalStream | undefined;
  #firstShape: SoundShape | undefined;
  #shape: SoundShape | undefined;
  /** The newest stream whose title was told. */
  #told: OggLogicalStream | undefined;
  #titles: string[] = [];
  #isOver = false;
  #skippedBytes = 0;

  /** A page tells its length, and is passed on as soon as it is whole. */
  get isFirstHeldBack(): boolean {
    return false;
  }

  get skippedBytes(): number {
    return this.#skippedBytes;
  }

  get firstShape(): SoundShape | undefined {
    return this.#firstShape;
  }

  get shape(): SoundShape | undefined {
    return this.#shape;
  }

  get rest(): Uint8Array | undefined {
    return this.#isOver ? this.#queue.peek() : undefined;
  }

  push(chunk: Uint8Array): Frame[] {
    this.#queue.push(chunk);
    return this.#take(false);
  }

  end(): Frame[] {
    return this.#take(true);
  }

  takeTitles(): readonly string[] {
    const titles = this.#titles;
    this.#titles = [];
    return titles;
  }

  #take(isEnd: boolean): Frame[] {
    const bytes = this.#queue.peek();
    const taken: Frame[] = [];
    let offset = 0;
    while (offset < bytes.length && !this.#isOver) {
      const page = parseOggPage(bytes, offset);
      if (page === undefined && !isEnd && mayBecomePage(bytes, offset)) break;
      if (page?.isCrcRight === true) {
        this.#add(bytes.subarray(offset, offset + page.pageBytes), page, taken);
        offset += this.#isOver ? 0 : page.pageBytes;
        continue;
      }
      const next = bytes.indexOf(CAPTURE_FIRST_BYTE, offset + 1);
      const skipTo = next < 0 ? bytes.length : next;
      this.#skippedBytes += skipTo - offset;
      offset = skipTo;
    }
    this.#queue.consume(offset);
    return taken;
  }

  #add(bytes: Uint8Array, page: OggPage, taken: Frame[]): void {
    if (page.isFirst && this.#stream?.isAtStart !== true) {
      // Streams that run beside each other all begin before any goes on; the first that is known is taken.
      const stream = OggLogicalStream.open(bytes, page, this.#shape !== undefined);
      this.#isOver =
        stream !== undefined && (this.#shape?.codec ?? stream.shape.codec) !== stream.shape.codec;
      if (this.#isOver) return;
      this.#stream = stream ?? this.#stream;
      if (this.#stream?.serial === page.serial) return;
    }
    const stream = this.#stream?.serial === page.serial ? this.#stream : undefined;
    const frame = stream?.add(bytes, page);
    if (stream?.isBroken === true) this.#stream = undefined;
    if (stream === undefined || stream.isBroken) this.#skippedBytes += bytes.length;
    if (stream === undefined || frame === undefined) return;
    taken.push(frame);
    this.#shape = stream.shape;
    this.#firstShape ??= this.#shape;
    if (stream === this.#told) return;
    this.#told = stream;
    if (stream.title !== undefined) this.#titles.push(stream.title);
  }
}

/** Whether the bytes from `offset` on are too few to tell that they are no page. */
function mayBecomePage(bytes: Uint8Array, offset: number): boolean {
  return bytes.length - offset < OGG_PAGE_BYTES_MAX && isOggCapture(bytes, offset);
}
