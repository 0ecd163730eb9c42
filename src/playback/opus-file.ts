import { randomInt } from "node:crypto";

import { toOggPage } from "../audio/ogg-page.ts";
import { toOpusHeaderPages } from "../audio/opus.ts";
import { samplesToMs } from "../core/segment.ts";
import { SAMPLE_RATE } from "../core/show.ts";
import type { Session, ShowReader } from "../store/show-reader.ts";
import { findSegmentId } from "./read-segments.ts";
import { readOpusPackets, type TimedPacket } from "./session-packets.ts";
import { toClips } from "./clips.ts";

/** A decoder that starts in the middle needs this much sound before it is right (RFC 7845, 4.6). */
const PRE_ROLL_MS = 80;

const PACKETS_PER_PAGE = 25;

/** Unix milliseconds; the end is excluded. */
export type TimeRange = { fromMs: number; toMs: number };

/**
 * A range of an Opus show as one Ogg Opus stream, cut to the sample and copied, not encoded again. Sessions follow each other without
 * the gaps between them. Headers, page numbers and granule positions are new, so it does not matter whether the show's own
 * header rows are still there. Nothing comes when nothing was recorded in the range.
 */
export async function* toOpusFile(reader: ShowReader, range: TimeRange): AsyncGenerator<Uint8Array> {
  const clips = toClips(await reader.sessions(range), range);
  const wantedSamples = clips.reduce(
    (sum, clip) => sum + ((clip.toMs - clip.fromMs) * SAMPLE_RATE) / 1000,
    0,
  );
  const pages = new PageWriter(reader.metadata.format.channels, Math.round(wantedSamples));
  for (const [index, clip] of clips.entries()) {
    const isFirst = index === 0;
    for await (const packet of readClip(reader, clip, isFirst ? PRE_ROLL_MS : 0)) {
      if (isFirst) pages.setStart(packet, clip.fromMs);
      yield* pages.add(packet);
    }
  }
  yield* pages.end();
}

async function* readClip(
  reader: ShowReader,
  clip: { session: Session } & TimeRange,
  preRollMs: number,
): AsyncGenerator<TimedPacket> {
  const startMs = clip.fromMs - preRollMs;
  const startId = await findSegmentId(reader, clip.session, startMs);
  for await (const packet of readOpusPackets(reader, { startId, endId: clip.session.endId })) {
    if (packet.startMs >= clip.toMs) return;
    if (packet.startMs + samplesToMs(packet.samples) > startMs) yield packet;
  }
}

/** Puts packets into pages of one stream. The last page is held back, so that it can carry the end of the stream. */
class PageWriter {
  readonly #channels: number;
  readonly #wantedSamples: number;
  readonly #serial = randomInt(2 ** 32);
  #preSkipSamples: number | undefined;
  #packets: Uint8Array[] = [];
  #granulePosition = 0;
  #sequence = 2;

  constructor(channels: number, wantedSamples: number) {
    this.#channels = channels;
    this.#wantedSamples = wantedSamples;
  }

  /** What lies between the first packet and the start of the range is decoded but not heard. */
  setStart(first: TimedPacket, fromMs: number): void {
    this.#preSkipSamples ??= Math.max(0, Math.round(((fromMs - first.startMs) * SAMPLE_RATE) / 1000));
  }

  *add(packet: TimedPacket): Generator<Uint8Array> {
    if (this.#packets.length >= PACKETS_PER_PAGE) yield this.#takePage(false);
    if (this.#granulePosition === 0) {
      yield toOpusHeaderPages(
        { channels: this.#channels, preSkipSamples: this.#preSkipSamples ?? 0 },
        this.#serial,
      );
    }
    this.#packets.push(packet.bytes);
    this.#granulePosition += packet.samples;
  }

  *end(): Generator<Uint8Array> {
    if (this.#packets.length > 0) yield this.#takePage(true);
  }

  #takePage(isLast: boolean): Uint8Array {
    const wantedPosition = (this.#preSkipSamples ?? 0) + this.#wantedSamples;
    const page = toOggPage({
      packets: this.#packets,
      granulePosition: isLast ? Math.min(this.#granulePosition, wantedPosition) : this.#granulePosition,
      serial: this.#serial,
      sequence: this.#sequence++,
      isLast,
    });
    this.#packets = [];
    return page;
  }
}
