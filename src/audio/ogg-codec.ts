import { openFlac } from "./flac.ts";
import type { SoundShape } from "./frame.ts";
import { isOpusTags, parseOpusHead, toPacketSamples } from "./opus.ts";
import { openVorbis } from "./vorbis.ts";

/** What can be told of one logical Ogg stream without decoding it. It keeps count of packets and serves one stream. */
export interface OggCodec {
  readonly shape: SoundShape;
  /** Samples that a decoder leaves out at the start. */
  readonly preSkipSamples: number;
  /** How many header packets there are at least. */
  readonly headerPacketsMin: number;
  /** Whether a packet, the `index`th of the stream, belongs to its headers. */
  isHeader(packet: Uint8Array, index: number): boolean;
  /** The Vorbis comments in a header packet; `undefined` when it holds none. */
  toComments(packet: Uint8Array): Uint8Array | undefined;
  /** How many samples the next packet adds to the decoded sound; its first `PACKET_HEAD_BYTES` are enough. */
  toSamples(packet: Uint8Array): number;
}

/** The header of a FLAC frame is the longest: sync, sizes, a number of seven bytes, a size of two, a CRC. */
export const PACKET_HEAD_BYTES = 16;

/**
 * Knows a stream by its first packet; `undefined` when it is none of the three that stations send. `isChained`: it follows
 * another one that goes to the same decoder.
 */
export function openOggCodec(firstPacket: Uint8Array, isChained: boolean): OggCodec | undefined {
  return openOpus(firstPacket) ?? openVorbis(firstPacket, isChained) ?? openFlac(firstPacket);
}

const OPUS_TAGS_MAGIC_BYTES = 8;

function openOpus(firstPacket: Uint8Array): OggCodec | undefined {
  const head = parseOpusHead(firstPacket);
  if (head === undefined) return undefined;
  return {
    shape: { codec: "opus", sampleRate: 48_000, channels: head.channels },
    preSkipSamples: head.preSkipSamples,
    headerPacketsMin: 2,
    isHeader: (_packet, index) => index < 2,
    toComments: (packet) => (isOpusTags(packet) ? packet.subarray(OPUS_TAGS_MAGIC_BYTES) : undefined),
    toSamples: toPacketSamples,
  };
}
