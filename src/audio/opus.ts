import { concatBytes } from "../core/concat-bytes.ts";
import { toOggPage } from "./ogg-page.ts";

/** What an identification header says that matters here. */
export type OpusHead = { channels: number; preSkipSamples: number };

const MAGIC_HEAD = "OpusHead";
const MAGIC_TAGS = "OpusTags";
const VENDOR = "save_audio_stream";
const HEAD_BYTES = 19;

/** Reads an identification header (RFC 7845, 5.1), or returns `undefined` when the packet is none. */
export function parseOpusHead(packet: Uint8Array): OpusHead | undefined {
  if (packet.length < HEAD_BYTES || !startsWith(packet, MAGIC_HEAD)) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  return { channels: view.getUint8(9), preSkipSamples: view.getUint16(10, true) };
}

/** Whether the packet is a comment header (RFC 7845, 5.2). */
export function isOpusTags(packet: Uint8Array): boolean {
  return startsWith(packet, MAGIC_TAGS);
}

/**
 * The two header pages of an Ogg Opus stream, numbered 0 and 1.
 *
 * | identification header | bytes |
 * |---|---|
 * | "OpusHead", version 1, channels | 8, 1, 1 |
 * | pre-skip, original sample rate, gain | 2, 4, 2 |
 * | mapping family 0: mono or stereo | 1 |
 */
export function toOpusHeaderPages(head: OpusHead, serial: number): Uint8Array {
  const headPacket = new Uint8Array(HEAD_BYTES);
  const view = new DataView(headPacket.buffer);
  headPacket.set(new TextEncoder().encode(MAGIC_HEAD));
  view.setUint8(8, 1);
  view.setUint8(9, head.channels);
  view.setUint16(10, head.preSkipSamples, true);
  view.setUint32(12, 48_000, true);
  const vendor = new TextEncoder().encode(VENDOR);
  const lengths = new DataView(new ArrayBuffer(8));
  lengths.setUint32(0, vendor.length, true);
  const vendorLength = new Uint8Array(lengths.buffer, 0, 4);
  const commentCount = new Uint8Array(lengths.buffer, 4, 4);
  const tags = concatBytes([new TextEncoder().encode(MAGIC_TAGS), vendorLength, vendor, commentCount]);
  return concatBytes([
    toOggPage({ packets: [headPacket], granulePosition: 0, serial, sequence: 0, isFirst: true }),
    toOggPage({ packets: [tags], granulePosition: 0, serial, sequence: 1 }),
  ]);
}

/**
 * Samples at 48 kHz that an Opus packet decodes to, from its first bytes (RFC 6716, 3.1); 0 for an empty one.
 *
 * | configurations | mode | frame ms |
 * |---|---|---|
 * | 0–11 | SILK | 10, 20, 40, 60 |
 * | 12–15 | hybrid | 10, 20 |
 * | 16–31 | CELT | 2.5, 5, 10, 20 |
 */
export function toPacketSamples(packet: Uint8Array): number {
  const toc = packet[0];
  if (toc === undefined) return 0;
  const configuration = toc >> 3;
  const frameSamples =
    configuration < 12
      ? ([480, 960, 1920, 2880][configuration & 3] ?? 0)
      : configuration < 16
        ? 480 << (configuration & 1)
        : 120 << (configuration & 3);
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (packet[1] ?? 0) & 63;
  return frames * frameSamples;
}

function startsWith(packet: Uint8Array, magic: string): boolean {
  return (
    Buffer.from(packet.buffer, packet.byteOffset, Math.min(packet.length, magic.length)).toString(
      "latin1",
    ) === magic
  );
}
