import type { OggCodec } from "./ogg-codec.ts";

const HEADER_PACKETS = 3;
const MAGIC: readonly number[] = [0x76, 0x6f, 0x72, 0x62, 0x69, 0x73];
const IDENTIFICATION = 1;
const COMMENTS = 3;
const MAGIC_BYTES: number = 1 + MAGIC.length;
const IDENTIFICATION_BYTES = 30;

/**
 * Knows a Vorbis stream by its identification header (Vorbis I, 4.2.2).
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 7 | type 1, "vorbis" |
 * | 7 | 4 | version, 0 |
 * | 11 | 1 | channels |
 * | 12 | 4 | sample rate, little endian |
 * | 16 | 12 | bit rates |
 * | 28 | 1 | exponents of the block sizes: low half short, high half long |
 * | 29 | 1 | framing |
 *
 * Audio packets begin with a bit 0 and then the mode. All encoders in use write two modes, the first with short blocks
 * and the second with long ones, so that one bit tells the size. A packet adds a quarter of its block and of the one
 * before. The first adds nothing, because its first half has nothing to overlap with; where a stream follows another one
 * in a chain, ffmpeg lets it overlap with itself.
 */
export function openVorbis(firstPacket: Uint8Array, isChained: boolean): OggCodec | undefined {
  if (firstPacket.length < IDENTIFICATION_BYTES || !isHeaderOf(firstPacket, IDENTIFICATION)) return undefined;
  const view = new DataView(firstPacket.buffer, firstPacket.byteOffset, firstPacket.length);
  const channels = view.getUint8(11);
  const sampleRate = view.getUint32(12, true);
  if (channels === 0 || sampleRate === 0) return undefined;
  const exponents = view.getUint8(28);
  const blockSamples = [1 << (exponents & 15), 1 << (exponents >> 4)];
  let lastBlockSamples: number | undefined;
  return {
    shape: { codec: "vorbis", sampleRate, channels },
    preSkipSamples: 0,
    headerPacketsMin: HEADER_PACKETS,
    isHeader: (_packet, index) => index < HEADER_PACKETS,
    toComments: (packet) => (isHeaderOf(packet, COMMENTS) ? packet.subarray(MAGIC_BYTES) : undefined),
    toSamples(packet) {
      const first = packet[0];
      // An empty packet, or one that is no audio, is passed over by decoders.
      if (first === undefined || (first & 1) !== 0) return 0;
      const block = blockSamples[(first >> 1) & 1] ?? 0;
      const before = lastBlockSamples ?? (isChained ? block : -block);
      lastBlockSamples = block;
      return (before + block) / 4;
    },
  };
}

function isHeaderOf(packet: Uint8Array, type: number): boolean {
  return packet[0] === type && MAGIC.every((value, index) => packet[1 + index] === value);
}
