import type { OggCodec } from "./ogg-codec.ts";

const MAGIC: readonly number[] = [0x7f, 0x46, 0x4c, 0x41, 0x43];
const FIRST_PACKET_BYTES = 51;
const BLOCK_HEADER_BYTES = 4;
const COMMENTS = 4;
const FRAME_FIRST_BYTE = 0xff;

/**
 * Knows a FLAC stream by its first packet (RFC 9639, 10.1; the numbers are big endian).
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 5 | 0x7f, "FLAC" |
 * | 5 | 4 | version of the mapping, count of further header packets |
 * | 9 | 4 | "fLaC" |
 * | 13 | 4 | header of the STREAMINFO block |
 * | 17 | 4 | smallest and largest block in samples |
 * | 21 | 6 | smallest and largest frame in bytes |
 * | 27 | 8 | 20 bits sample rate, 3 bits channels less one, the rest is of no interest here |
 *
 * Further headers are metadata blocks; a packet that begins with 0xff is a frame.
 */
export function openFlac(firstPacket: Uint8Array): OggCodec | undefined {
  if (firstPacket.length < FIRST_PACKET_BYTES) return undefined;
  if (MAGIC.some((value, index) => firstPacket[index] !== value)) return undefined;
  const view = new DataView(firstPacket.buffer, firstPacket.byteOffset, firstPacket.length);
  const sampleRate = view.getUint32(27) >>> 12;
  if (sampleRate === 0) return undefined;
  const channels = ((view.getUint8(29) >> 1) & 7) + 1;
  const usualSamples = view.getUint16(19);
  return {
    shape: { codec: "flac", sampleRate, channels },
    preSkipSamples: 0,
    // STREAMINFO and a comment; only some encoders tell how many more.
    headerPacketsMin: 2,
    isHeader: (packet) => packet[0] !== FRAME_FIRST_BYTE,
    toComments: (packet) =>
      ((packet[0] ?? 0) & 0x7f) === COMMENTS ? packet.subarray(BLOCK_HEADER_BYTES) : undefined,
    toSamples: (packet) => (packet[0] === FRAME_FIRST_BYTE ? (toBlockSamples(packet) ?? usualSamples) : 0),
  };
}

/**
 * The samples of a frame, from its header (RFC 9639, 9.1): 14 bits sync, 2 bits strategy, 4 bits block size, 12 bits sample
 * rate, channels and depth, a number of 1 to 7 bytes that is coded as in UTF-8, and a block size that is not one of the
 * usual ones. `undefined` when the header tells none.
 */
function toBlockSamples(frame: Uint8Array): number | undefined {
  const code = (frame[2] ?? 0) >> 4;
  if (code === 1) return 192;
  if (code >= 2 && code <= 5) return 576 << (code - 2);
  if (code >= 8) return 256 << (code - 8);
  if (code === 0) return undefined;
  // The count of ones that the number's first byte begins with is its length; none stands for one byte.
  const ones = Math.clz32(~((frame[4] ?? 0) << 24));
  const at = 4 + Math.max(1, ones);
  const high = frame[at] ?? 0;
  return code === 6 ? high + 1 : ((high << 8) | (frame[at + 1] ?? 0)) + 1;
}
