import { parseAdtsHeader } from "./adts-header.ts";
import type { ParseFrameHeader, StreamFormat } from "./frame.ts";
import { parseMpegHeader } from "./mpeg-header.ts";
import { parseOggPage } from "./ogg-page.ts";

/** How many bytes of a stream are enough to tell what it is, whatever comes before its first frame. */
export const DETECT_BYTES = 16_384;

const CHAIN_LENGTH = 3;

/**
 * Tells from the bytes what a stream holds; servers name types of their own invention, so headers are not asked.
 * `undefined`: not yet enough bytes, or no format that is known. Three headers in a row that agree are taken as proof,
 * and so is one Ogg page with a right CRC.
 */
export function detectFormat(bytes: Uint8Array): StreamFormat | undefined {
  for (let offset = 0; offset < bytes.length; offset++) {
    if (parseOggPage(bytes, offset)?.isCrcRight === true) return "ogg";
    if (bytes[offset] !== 0xff) continue;
    if (isChain(bytes, offset, parseAdtsHeader)) return "aac";
    if (isChain(bytes, offset, parseMpegHeader)) return "mp3";
  }
  return undefined;
}

function isChain(bytes: Uint8Array, start: number, parse: ParseFrameHeader): boolean {
  let offset = start;
  let sampleRate: number | undefined;
  for (let count = 0; count < CHAIN_LENGTH; count++) {
    const header = parse(bytes, offset);
    if (header === undefined || (sampleRate !== undefined && header.sampleRate !== sampleRate)) return false;
    sampleRate = header.sampleRate;
    offset += header.frameBytes;
  }
  return true;
}
