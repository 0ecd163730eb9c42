import { parseOggPage, toPackets } from "../../src/audio/ogg-page.ts";
import { isOpusTags, parseOpusHead } from "../../src/audio/opus.ts";
import { readTruthPacket, type SampleTruth } from "./truth-packet.ts";

/** A packet of simulated sound: 20 ms. */
const PACKET_SAMPLES = 960;

/** Sound of one origin in a session: where it begins in what is decoded, and what its first sample is. */
export type Heard = SampleTruth & { position: number; samples: number };

/**
 * Reads the rows of one session and holds them against the audio rule: header pages first and only there, pages whole within
 * their row, one serial number, page numbers and granule positions that run on, nothing behind the end.
 */
export class SessionReader {
  #serial: number | undefined;
  #nextSequence = 0;
  #granulePosition = 0;
  #preSkipSamples: number | undefined;
  #isEnded = false;

  /** Samples of the decoded sound so far. */
  get position(): number {
    return Math.max(0, this.#granulePosition - (this.#preSkipSamples ?? 0));
  }

  /** The sound of the next row; what is wrong with its pages goes to `onFault`. */
  read(row: Uint8Array, onFault: (text: string) => void): Heard[] {
    const heard: Heard[] = [];
    for (let offset = 0; offset < row.length;) {
      const page = parseOggPage(row, offset);
      if (page === undefined) {
        onFault(`no whole page at byte ${offset}`);
        return heard;
      }
      offset += page.pageBytes;
      if (!page.isCrcRight) onFault(`page ${page.sequence} has a wrong CRC`);
      if (this.#isEnded) onFault(`page ${page.sequence} follows the end of the stream`);
      if (page.serial !== (this.#serial ?? page.serial))
        onFault(`page ${page.sequence} is of another stream`);
      if (page.sequence !== this.#nextSequence) onFault(`page ${page.sequence}, not ${this.#nextSequence}`);
      if (page.isContinued) onFault(`page ${page.sequence} goes on with a packet`);
      if (page.isFirst !== (page.sequence === 0))
        onFault(`page ${page.sequence} has a wrong first-page flag`);
      this.#serial = page.serial;
      this.#nextSequence = page.sequence + 1;
      this.#isEnded = page.isLast;
      const { whole, rest } = toPackets(page);
      if (rest.length > 0) onFault(`page ${page.sequence} ends within a packet`);
      for (const packet of whole) this.#readPacket(packet, page.sequence, { heard, onFault });
      if (page.granulePosition !== this.#granulePosition)
        onFault(`page ${page.sequence} has position ${page.granulePosition}, not ${this.#granulePosition}`);
    }
    return heard;
  }

  #readPacket(
    packet: Uint8Array,
    sequence: number,
    out: { heard: Heard[]; onFault: (text: string) => void },
  ): void {
    if (sequence < 2) {
      const head = parseOpusHead(packet);
      if (sequence === 0 && head !== undefined) this.#preSkipSamples = head.preSkipSamples;
      else if (sequence !== 1 || !isOpusTags(packet)) out.onFault(`page ${sequence} holds no header`);
      return;
    }
    const first = this.#granulePosition - (this.#preSkipSamples ?? 0);
    this.#granulePosition += PACKET_SAMPLES;
    for (const { epoch, sample, leftMs, offset, samples } of readTruthPacket(packet)) {
      // What lies under the pre-skip is not heard.
      const hidden = Math.max(0, -(first + offset));
      if (hidden >= samples) continue;
      out.heard.push({
        epoch,
        sample: sample + hidden,
        leftMs: leftMs + hidden / 48,
        position: first + offset + hidden,
        samples: samples - hidden,
      });
    }
  }
}

/** All sound in whole pages, wherever in a session they belong, with what lies under a pre-skip. */
export function readSounds(pages: Uint8Array): Omit<Heard, "position">[] {
  const sounds: Omit<Heard, "position">[] = [];
  for (let offset = 0; offset < pages.length;) {
    const page = parseOggPage(pages, offset);
    if (page === undefined) break;
    offset += page.pageBytes;
    if (page.sequence < 2) continue;
    for (const packet of toPackets(page).whole) sounds.push(...readTruthPacket(packet));
  }
  return sounds;
}
