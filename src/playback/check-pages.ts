import { parseOggPage, toPackets } from "../audio/ogg-page.ts";
import { isOpusTags, parseOpusHead, toPacketSamples } from "../audio/opus.ts";
import type { Segment } from "../core/segment.ts";

/**
 * Holds the Ogg pages of neighbouring segments against the audio rule: whole pages with right CRCs, one serial number,
 * page numbers and granule positions that run on.
 */
export class PageChecker {
  #serial: number | undefined;
  #nextSequence: number | undefined;
  #granulePosition: number | undefined;

  /** What is wrong with the next segment, in words; empty when nothing is. */
  check(segment: Segment): string[] {
    const faults: string[] = [];
    let samples = 0;
    for (let offset = 0; offset < segment.audioData.length;) {
      const page = parseOggPage(segment.audioData, offset);
      if (page === undefined) return [...faults, `no whole Ogg page at byte ${offset}`];
      offset += page.pageBytes;
      if (!page.isCrcRight) faults.push(`page ${page.sequence} has a wrong CRC`);
      if (page.serial !== (this.#serial ?? page.serial))
        faults.push(`page ${page.sequence} is of another stream`);
      if (page.sequence !== (this.#nextSequence ?? page.sequence)) {
        faults.push(`page ${page.sequence} follows page ${(this.#nextSequence ?? 0) - 1}`);
      }
      this.#serial = page.serial;
      this.#nextSequence = page.sequence + 1;
      const added = this.#checkPosition(page.granulePosition, toPackets(page).whole, faults);
      samples += added;
    }
    if (samples !== segment.durationSamples) {
      faults.push(`duration_samples is ${segment.durationSamples}, its packets add ${samples}`);
    }
    return faults;
  }

  #checkPosition(granulePosition: number, packets: readonly Uint8Array[], faults: string[]): number {
    let pageSamples = 0;
    let preSkipSamples = 0;
    for (const packet of packets) {
      const head = parseOpusHead(packet);
      if (head !== undefined) preSkipSamples += head.preSkipSamples;
      else if (!isOpusTags(packet)) pageSamples += toPacketSamples(packet);
    }
    if (preSkipSamples > 0) this.#granulePosition = 0;
    const expected = (this.#granulePosition ?? granulePosition - pageSamples) + pageSamples;
    if (granulePosition !== expected)
      faults.push(`granule position ${granulePosition} should be ${expected}`);
    this.#granulePosition = granulePosition;
    return pageSamples - preSkipSamples;
  }
}
