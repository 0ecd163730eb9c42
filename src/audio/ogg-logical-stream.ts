import { concatBytes } from "../core/concat-bytes.ts";
import type { Frame, SoundShape } from "./frame.ts";
import { type OggCodec, openOggCodec, PACKET_HEAD_BYTES } from "./ogg-codec.ts";
import { type OggPage, toPackets } from "./ogg-page.ts";
import { parseCommentTitle } from "./vorbis-comment.ts";

/** Some streams carry a cover in their comments; a larger one than this is not radio. */
const HEADERS_BYTES_MAX = 1024 * 1024;

/** One logical Ogg stream while it is being read: first its headers, then its sound. */
export class OggLogicalStream {
  readonly serial: number;
  readonly #codec: OggCodec;
  #headerPages: Uint8Array[];
  #headerBytes: number;
  #headerPackets = 1;
  #title: string | undefined;
  /** All header pages; `undefined` before the first page of sound. */
  #headers: Uint8Array | undefined;
  #isBroken = false;
  #lastSequence: number;
  /** What there is of a packet that goes on in the next page; `undefined` when its start is not known. */
  #begun: Uint8Array | undefined = new Uint8Array(0);
  #preSkipSamples: number;
  /** Where the sound of the page before ends; `undefined` when that page is missing. */
  #granulePosition: number | undefined = 0;

  private constructor(codec: OggCodec, bytes: Uint8Array, page: OggPage) {
    this.#codec = codec;
    this.serial = page.serial;
    this.#lastSequence = page.sequence;
    this.#headerPages = [bytes];
    this.#headerBytes = bytes.length;
    this.#preSkipSamples = codec.preSkipSamples;
  }

  /** Begins with the first page of a stream; `undefined` when it is of no codec that is known. */
  static open(bytes: Uint8Array, page: OggPage, isChained: boolean): OggLogicalStream | undefined {
    const [firstPacket] = toPackets(page).whole;
    const codec = firstPacket === undefined ? undefined : openOggCodec(firstPacket, isChained);
    return codec === undefined ? undefined : new OggLogicalStream(codec, bytes, page);
  }

  get shape(): SoundShape {
    return this.#codec.shape;
  }

  get #isSounding(): boolean {
    return this.#headers !== undefined;
  }

  /** What the headers say is played; `undefined` when they do not. */
  get title(): string | undefined {
    return this.#title;
  }

  /** Whether nothing but the first page has come. */
  get isAtStart(): boolean {
    return this.#headerPages.length === 1 && this.#headers === undefined;
  }

  /** Whether a part of the headers is missing, without which nothing can be decoded. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Takes the next page and makes a frame of it, unless it belongs to the headers. */
  add(bytes: Uint8Array, page: OggPage): Frame | undefined {
    if (page.sequence !== this.#lastSequence + 1) {
      this.#begun = undefined;
      this.#granulePosition = undefined;
      this.#isBroken = this.#headerPackets < this.#codec.headerPacketsMin;
    }
    this.#lastSequence = page.sequence;
    if (this.#isBroken) return undefined;
    const packets = this.#toPackets(page);
    if (!this.#isSounding && this.#addHeaders(bytes, packets)) return undefined;
    this.#headers ??= concatBytes(this.#headerPages);
    this.#headerPages = [];
    return { bytes, durationSeconds: this.#toSeconds(page, packets), headers: this.#headers };
  }

  /** The packets that end in a page and whose start is known. Once there is sound, only the first bytes of each are kept. */
  #toPackets(page: OggPage): Uint8Array[] {
    const { whole, rest } = toPackets(page);
    const packets = [...whole];
    const begun = page.isContinued ? this.#begun : new Uint8Array(0);
    const [first] = packets;
    if (first === undefined) {
      this.#begun = begun === undefined ? undefined : this.#join(begun, rest);
      return [];
    }
    if (begun === undefined) packets.shift();
    else packets[0] = this.#join(begun, first);
    this.#begun = this.#join(new Uint8Array(0), rest);
    return packets;
  }

  #join(begun: Uint8Array, more: Uint8Array): Uint8Array {
    if (begun.length === 0) return more;
    if (this.#isSounding && begun.length >= PACKET_HEAD_BYTES) return begun;
    return concatBytes([begun, more]);
  }

  /** Whether the page belongs to the headers. */
  #addHeaders(bytes: Uint8Array, packets: readonly Uint8Array[]): boolean {
    const [first] = packets;
    if (first === undefined && this.#headerPackets >= this.#codec.headerPacketsMin) return false;
    if (first !== undefined && !this.#codec.isHeader(first, this.#headerPackets)) return false;
    for (const packet of packets) {
      this.#headerPackets++;
      const comments = this.#codec.toComments(packet);
      if (comments !== undefined) this.#title = parseCommentTitle(comments);
    }
    this.#headerPages.push(bytes);
    this.#headerBytes += bytes.length;
    this.#isBroken = this.#headerBytes > HEADERS_BYTES_MAX;
    return true;
  }

  /**
   * Seconds that a page adds to the decoded sound. The last page of a stream may say that it ends inside its last packet.
   */
  #toSeconds(page: OggPage, packets: readonly Uint8Array[]): number {
    let samples = 0;
    for (const packet of packets) samples += this.#codec.toSamples(packet);
    const skipped = Math.min(samples, this.#preSkipSamples);
    this.#preSkipSamples -= skipped;
    samples -= skipped;
    const { granulePosition } = page;
    if (page.isLast && this.#granulePosition !== undefined && granulePosition >= this.#granulePosition) {
      samples = Math.min(samples, granulePosition - this.#granulePosition);
    }
    if (granulePosition >= 0) this.#granulePosition = granulePosition;
    return samples / this.shape.sampleRate;
  }
}
