import { randomInt } from "node:crypto";

import { SAMPLE_RATE, type ShowFormat } from "../core/show.ts";
import { RESTART_SECONDS_MAX, type CutStart, type Cutter, type CutPiece } from "./cutter.ts";
import { toOggPage } from "./ogg-page.ts";
import { OggPacketReader } from "./ogg-packet-reader.ts";
import { isOpusTags, parseOpusHead, toOpusHeaderPages, toPacketSamples } from "./opus.ts";
import { PieceBuilder } from "./piece-builder.ts";

/** A page has 255 lacing values, and a packet of 1,275 bytes needs six of them. */
const PACKETS_PER_PAGE_MAX = 42;

/**
 * Half a second. A decoder that begins in the middle of an encoder's stream needs so much to come within −80 dBFS of one that
 * heard all of it; the 80 ms of RFC 7845 leave clicks.
 */
const PRE_ROLL_SAMPLES: number = SAMPLE_RATE / 2;

const RECENT_SAMPLES: number = RESTART_SECONDS_MAX * SAMPLE_RATE + PRE_ROLL_SAMPLES;

/**
 * A place at which a session may still begin is not forgotten before so much has come behind it: after a pause a server sends
 * half a minute at once.
 */
const SPLIT_SAMPLES_MAX: number = 60 * SAMPLE_RATE;

type PlacedPacket = { packet: Uint8Array; startSample: number; samples: number };

/**
 * Cuts Ogg Opus. Only the packets of what comes in are used: positions, page and serial numbers are written anew, since
 * an encoder behind damaged input does not count right.
 *
 * Each piece is one page. A full page is held back until the next packet comes, so that the last page of a session always holds a packet and
 * can carry the end-of-stream flag.
 *
 * A session that begins in the middle of an encoder's stream repeats the packets before it under its pre-skip.
 */
export class OpusCutter implements Cutter {
  readonly #reader = new OggPacketReader();
  readonly #builder: PieceBuilder;
  readonly #channels: number;
  /** Samples that still come in before those that are kept. */
  #preRollSamples: number;
  #recent: PlacedPacket[] = [];
  #packets: Uint8Array[] = [];
  /** Where the newest packet ends in the sound of the recording; `undefined` before the first. */
  #endSample: number | undefined;
  /** What the stream in work begins with: its first packet, and its first sample behind the pre-skip. */
  #stream = { serial: randomInt(2 ** 32), sequence: 2, originSample: 0, startSample: 0 };
  #encoderDelaySamples = 0;

  constructor(format: Pick<ShowFormat, "channels" | "splitIntervalSeconds">, start: CutStart) {
    this.#channels = format.channels;
    this.#preRollSamples = start.preRollSamples;
    this.#builder = new PieceBuilder(format.splitIntervalSeconds, start.startSample);
  }

  push(chunk: Uint8Array): CutPiece[] {
    return this.#reader.push(chunk).flatMap((packet) => this.#addPacket(packet));
  }

  splitAt(sample: number): void {
    this.#builder.splitAt(sample);
  }

  restart(held: readonly CutPiece[]): CutPiece[] {
    const startSample = held[0]?.startSample ?? this.#builder.startSample;
    const before = this.#recent.filter((placed) => placed.startSample < startSample);
    const after = this.#recent.slice(before.length);
    const preRoll = before.filter((placed) => placed.startSample >= startSample - PRE_ROLL_SAMPLES);
    const originSample = preRoll[0]?.startSample ?? startSample;
    const last = preRoll.at(-1);
    this.#builder.restart(startSample);
    this.#stream = { serial: randomInt(2 ** 32), sequence: 2, originSample, startSample };
    this.#packets = preRoll.map((placed) => placed.packet);
    // Of the packet in which the session begins, what lies before it is pre-roll and the rest is its first sound.
    this.#endSample = last === undefined ? startSample : last.startSample + last.samples;
    if (preRoll.length > 0) this.#addPage(false);
    return after.flatMap((placed) => this.#place(placed.packet, placed.samples));
  }

  end(): CutPiece[] {
    // A stream that ends within its pre-skip holds no sound.
    if (this.#packets.length === 0 || (this.#endSample ?? 0) <= this.#stream.startSample) return [];
    return this.#closePage(true);
  }

  #addPacket(packet: Uint8Array): CutPiece[] {
    const head = parseOpusHead(packet);
    if (head !== undefined) this.#encoderDelaySamples = head.preSkipSamples;
    if (head !== undefined || isOpusTags(packet)) return [];
    const samples = toPacketSamples(packet);
    if (this.#preRollSamples - samples >= PRE_ROLL_SAMPLES) {
      this.#preRollSamples -= samples;
      return [];
    }
    if (this.#endSample === undefined) this.#begin();
    const startSample = this.#endSample ?? 0;
    this.#recent.push({ packet, startSample, samples });
    const neededSample = Math.max(
      Math.min(startSample - RECENT_SAMPLES, this.#builder.splitSample - PRE_ROLL_SAMPLES),
      startSample - SPLIT_SAMPLES_MAX,
    );
    const surplus = this.#recent.findIndex((placed) => placed.startSample >= neededSample);
    if (surplus > 0) this.#recent.splice(0, surplus);
    return this.#place(packet, samples);
  }

  /** What comes in begins with the encoder's own delay and the pre-roll: both become the pre-skip. */
  #begin(): void {
    const { startSample } = this.#builder;
    const originSample = startSample - this.#encoderDelaySamples - this.#preRollSamples;
    this.#stream = { ...this.#stream, originSample, startSample };
    this.#endSample = originSample;
  }

  #place(packet: Uint8Array, samples: number): CutPiece[] {
    const cut = this.#isPageFull() ? this.#closePage(false) : [];
    this.#packets.push(packet);
    this.#endSample = (this.#endSample ?? 0) + samples;
    return cut;
  }

  #isPageFull(): boolean {
    if (this.#packets.length >= PACKETS_PER_PAGE_MAX) return true;
    return this.#packets.length > 0 && (this.#endSample ?? 0) >= this.#builder.targetSample;
  }

  #closePage(isLast: boolean): CutPiece[] {
    this.#addPage(isLast);
    return this.#builder.take();
  }

  /** Adds the packets in work to the piece in work, behind the header pages where the stream begins. */
  #addPage(isLast: boolean): void {
    const { serial, originSample, startSample } = this.#stream;
    if (this.#stream.sequence === 2) {
      const head = { channels: this.#channels, preSkipSamples: startSample - originSample };
      this.#builder.add(toOpusHeaderPages(head, serial), 0);
    }
    const endSample = this.#endSample ?? 0;
    const page = toOggPage({
      packets: this.#packets,
      granulePosition: endSample - originSample,
      serial,
      sequence: this.#stream.sequence++,
      isLast,
    });
    this.#builder.add(page, endSample - this.#builder.endSample);
    this.#packets = [];
  }
}
