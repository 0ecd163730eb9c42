import { randomInt } from "node:crypto";

import type { ShowFormat } from "../core/show.ts";
import type { Cutter, CutPiece } from "./cutter.ts";
import { toOggPage } from "./ogg-page.ts";
import { OggPacketReader } from "./ogg-packet-reader.ts";
import { isOpusTags, parseOpusHead, toOpusHeaderPages, toPacketSamples } from "./opus.ts";
import { PieceBuilder } from "./piece-builder.ts";

/** A page has 255 lacing values, and a packet of 1,275 bytes needs six of them. */
const PACKETS_PER_PAGE_MAX = 42;

/**
 * Cuts Ogg Opus. Only the packets of what comes in are used: positions, page and serial numbers are written anew, since
 * an encoder behind damaged input does not count right.
 *
 * Each piece is one page. A full page is held back until the next packet comes, so that the last page of a session always holds a packet and
 * can carry the end-of-stream flag.
 */
export class OpusCutter implements Cutter {
  readonly #reader = new OggPacketReader();
  readonly #builder: PieceBuilder;
  readonly #channels: number;
  readonly #serial = randomInt(2 ** 32);
  #packets: Uint8Array[] = [];
  #sequence = 2;
  #preSkipSamples: number | undefined;
  /** Samples of all packets, pre-skip included: the granule position. */
  #granulePosition = 0;
  #pagedPosition = 0;

  constructor(format: Pick<ShowFormat, "channels" | "splitIntervalSeconds">) {
    this.#channels = format.channels;
    this.#builder = new PieceBuilder(format.splitIntervalSeconds);
  }

  push(chunk: Uint8Array): CutPiece[] {
    return this.#reader.push(chunk).flatMap((packet) => this.#addPacket(packet));
  }

  end(): CutPiece[] {
    return this.#packets.length > 0 ? this.#closePage(true) : [];
  }

  #addPacket(packet: Uint8Array): CutPiece[] {
    const head = parseOpusHead(packet);
    if (head !== undefined) {
      this.#preSkipSamples ??= head.preSkipSamples;
      return [];
    }
    if (isOpusTags(packet)) return [];
    const cut = this.#isPageFull() ? this.#closePage(false) : [];
    this.#packets.push(packet);
    this.#granulePosition += toPacketSamples(packet);
    return cut;
  }

  #isPageFull(): boolean {
    if (this.#packets.length >= PACKETS_PER_PAGE_MAX) return true;
    const endSample = this.#granulePosition - (this.#preSkipSamples ?? 0);
    return this.#packets.length > 0 && endSample >= this.#builder.targetSample;
  }

  #closePage(isLast: boolean): CutPiece[] {
    const preSkipSamples = this.#preSkipSamples ?? 0;
    if (this.#pagedPosition === 0) {
      this.#builder.add(toOpusHeaderPages({ channels: this.#channels, preSkipSamples }, this.#serial), 0);
      this.#pagedPosition = preSkipSamples;
    }
    const page = toOggPage({
      packets: this.#packets,
      granulePosition: this.#granulePosition,
      serial: this.#serial,
      sequence: this.#sequence++,
      isLast,
    });
    this.#builder.add(page, this.#granulePosition - this.#pagedPosition);
    this.#pagedPosition = this.#granulePosition;
    this.#packets = [];
    return this.#builder.take();
  }
}
