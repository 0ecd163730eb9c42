import { concatBytes } from "../core/concat-bytes.ts";

/**
 * One Ogg page (RFC 3533, section 6).
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 4 | "OggS" |
 * | 4 | 1 | version, 0 |
 * | 5 | 1 | flags: 1 goes on with a packet, 2 first page, 4 last page |
 * | 6 | 8 | granule position, little endian as all numbers are; −1: no packet ends here |
 * | 14 | 4 | serial number of the stream |
 * | 18 | 4 | page number |
 * | 22 | 4 | CRC of the whole page with these four bytes 0 |
 * | 26 | 1 | count of lacing values |
 * | 27 | n | lacing values; a packet ends at the first that is below 255 |
 */
export type OggPage = {
  isContinued: boolean;
  isFirst: boolean;
  isLast: boolean;
  granulePosition: number;
  serial: number;
  sequence: number;
  lacing: Uint8Array;
  body: Uint8Array;
  /** The page's whole length with its header. */
  pageBytes: number;
  isCrcRight: boolean;
};

/** The longest page there can be. */
export const OGG_PAGE_BYTES_MAX: number = 27 + 255 + 255 * 255;

const HEADER_BYTES = 27;
const CAPTURE_PATTERN: readonly number[] = [0x4f, 0x67, 0x67, 0x53];
const CRC_OFFSET = 22;

const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  return crc >>> 0;
});

/** The CRC of RFC 3533: polynomial 0x04c11db7, no reflection, start and final value 0. */
function toOggCrc(parts: readonly Uint8Array[]): number {
  let crc = 0;
  for (const part of parts) {
    for (let index = 0; index < part.length; index++) {
      crc = (crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ (part[index] ?? 0)) & 255] ?? 0);
    }
  }
  return crc >>> 0;
}

/** Whether the bytes at `offset` are the beginning of "OggS", as far as they go. */
export function isOggCapture(bytes: Uint8Array, offset: number): boolean {
  return CAPTURE_PATTERN.every((value, index) => (bytes[offset + index] ?? value) === value);
}

/** Reads the page at `offset`; `undefined` when the bytes there do not begin a page, or do not hold all of it. */
export function parseOggPage(bytes: Uint8Array, offset: number): OggPage | undefined {
  if (bytes.length - offset < HEADER_BYTES) return undefined;
  if (CAPTURE_PATTERN.some((value, index) => bytes[offset + index] !== value)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, bytes.length - offset);
  const bodyOffset = HEADER_BYTES + view.getUint8(26);
  if (view.getUint8(4) !== 0 || view.byteLength < bodyOffset) return undefined;
  const lacing = bytes.subarray(offset + HEADER_BYTES, offset + bodyOffset);
  const pageBytes = bodyOffset + lacing.reduce((sum, value) => sum + value, 0);
  if (view.byteLength < pageBytes) return undefined;
  const page = bytes.subarray(offset, offset + pageBytes);
  const crc = toOggCrc([page.subarray(0, CRC_OFFSET), new Uint8Array(4), page.subarray(CRC_OFFSET + 4)]);
  const flags = view.getUint8(5);
  return {
    isContinued: (flags & 1) !== 0,
    isFirst: (flags & 2) !== 0,
    isLast: (flags & 4) !== 0,
    granulePosition: Number(view.getBigInt64(6, true)),
    serial: view.getUint32(14, true),
    sequence: view.getUint32(18, true),
    lacing,
    body: bytes.subarray(offset + bodyOffset, offset + pageBytes),
    pageBytes,
    isCrcRight: crc === view.getUint32(CRC_OFFSET, true),
  };
}

/** What a page that holds only whole packets is made of. */
export type NewOggPage = {
  packets: readonly Uint8Array[];
  granulePosition: number;
  serial: number;
  sequence: number;
  isFirst?: boolean;
  isLast?: boolean;
};

/** Writes a page of whole packets. They need one lacing value each and one more per 255 bytes; a page has 255 at most. */
export function toOggPage(page: NewOggPage): Uint8Array {
  const lacing = page.packets.flatMap((packet) => [
    ...Array.from({ length: Math.floor(packet.length / 255) }, () => 255),
    packet.length % 255,
  ]);
  if (lacing.length > 255) throw new RangeError(`${lacing.length} lacing values do not fit an Ogg page`);
  const header = new Uint8Array(HEADER_BYTES + lacing.length);
  const view = new DataView(header.buffer);
  header.set(CAPTURE_PATTERN);
  header[5] = (page.isFirst === true ? 2 : 0) | (page.isLast === true ? 4 : 0);
  view.setBigInt64(6, BigInt(page.granulePosition), true);
  view.setUint32(14, page.serial, true);
  view.setUint32(18, page.sequence, true);
  header[26] = lacing.length;
  header.set(lacing, HEADER_BYTES);
  view.setUint32(CRC_OFFSET, toOggCrc([header, ...page.packets]), true);
  return concatBytes([header, ...page.packets]);
}

/** The packets that end in a page, and what is left of one that goes on in the next. */
export function toPackets(page: OggPage): { whole: Uint8Array[]; rest: Uint8Array } {
  const whole: Uint8Array[] = [];
  let start = 0;
  let end = 0;
  for (const value of page.lacing) {
    end += value;
    if (value === 255) continue;
    whole.push(page.body.subarray(start, end));
    start = end;
  }
  return { whole, rest: page.body.subarray(start, end) };
}
