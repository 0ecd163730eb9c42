/** Where a sample came from: the station's epoch, its place there in samples at 48 kHz, and when it left the server. */
export type SampleTruth = { epoch: number; sample: number; leftMs: number };

/** Neighbouring samples of one origin, from `offset` in a packet on. */
export type Run = SampleTruth & { offset: number; samples: number };

/** Configuration 31, one frame: CELT, full band, 20 ms, mono. */
const TOC = 0xf8;
const RUN_BYTES = 2 + 2 + 2 + 8 + 8;

/** An Opus packet of 20 ms that tells where its sound came from. What no run covers is silence or noise. */
export function toTruthPacket(runs: readonly Run[]): Uint8Array {
  const packet = Buffer.alloc(1 + runs.length * RUN_BYTES);
  packet[0] = TOC;
  for (const [index, run] of runs.entries()) {
    const at = 1 + index * RUN_BYTES;
    packet.writeUInt16LE(run.epoch, at);
    packet.writeUInt16LE(Math.round(run.offset), at + 2);
    packet.writeUInt16LE(Math.round(run.samples), at + 4);
    packet.writeDoubleLE(run.sample, at + 6);
    packet.writeDoubleLE(run.leftMs, at + 14);
  }
  return packet;
}

/** Throws when the packet was not made by `toTruthPacket`. */
export function readTruthPacket(packet: Uint8Array): Run[] {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
  if (bytes[0] !== TOC || (bytes.length - 1) % RUN_BYTES !== 0)
    throw new Error("a packet that no encoder made");
  const runs: Run[] = [];
  for (let at = 1; at < bytes.length; at += RUN_BYTES) {
    runs.push({
      epoch: bytes.readUInt16LE(at),
      offset: bytes.readUInt16LE(at + 2),
      samples: bytes.readUInt16LE(at + 4),
      sample: bytes.readDoubleLE(at + 6),
      leftMs: bytes.readDoubleLE(at + 14),
    });
  }
  return runs;
}
