import { crc32 } from "node:zlib";

import type { FrameFormat } from "../../src/audio/frame.ts";

/** How a simulated station encodes. Its frames have valid headers, and a payload that tells what they are. */
export type SimulatedFormat = {
  kind: FrameFormat;
  header: Uint8Array;
  frameBytes: number;
  /** Samples at 48 kHz that a frame plays for; not always a whole number. */
  samples48: number;
};

export const FORMAT_NAMES = ["mp3At44", "mp3At48", "mp3At24", "aacAt48", "aacAt24"] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

/** What a frame tells of itself: which one it is of which run of the encoder, and when it left the server. */
export type FrameTruth = { epoch: number; index: number; leftMs: number };

/** A magic byte, the epoch, the index, the time, and a checksum of these. */
const PAYLOAD_BYTES = 1 + 2 + 4 + 8 + 4;
const MAGIC = 0x5a;

/** MPEG audio, layer III, mono: bit rate and sample rate by their codes in the header. */
function mp3(header: readonly number[], frameBytes: number, samples48: number): SimulatedFormat {
  return { kind: "mp3", header: Uint8Array.from(header), frameBytes, samples48 };
}

/** ADTS, AAC-LC, mono. */
function adts(rateIndex: number, sampleRate: number, frameBytes: number): SimulatedFormat {
  const header = [
    0xff,
    0xf1,
    0x40 | (rateIndex << 2),
    0x40 | (frameBytes >> 11),
    (frameBytes >> 3) & 0xff,
    ((frameBytes & 7) << 5) | 0x1f,
    0xfc,
  ];
  return {
    kind: "aac",
    header: Uint8Array.from(header),
    frameBytes,
    samples48: (1024 * 48_000) / sampleRate,
  };
}

/** Small frames, so that simulated days take minutes; the times are those of real stations. */
export const SIMULATED_FORMATS: Readonly<Record<FormatName, SimulatedFormat>> = {
  /** MPEG 1, 32 kbit/s at 44.1 kHz: 26 ms. */
  mp3At44: mp3([0xff, 0xfb, 0x10, 0xc4], 104, (1152 * 48_000) / 44_100),
  /** MPEG 1, 32 kbit/s at 48 kHz: 24 ms. */
  mp3At48: mp3([0xff, 0xfb, 0x14, 0xc4], 96, 1152),
  /** MPEG 2, 16 kbit/s at 24 kHz: 24 ms. */
  mp3At24: mp3([0xff, 0xf3, 0x24, 0xc4], 48, 1152),
  /** 21 ms. */
  aacAt48: adts(3, 48_000, 90),
  /** The core of HE-AAC at 48 kHz: 43 ms. */
  aacAt24: adts(6, 24_000, 110),
};

export function toFrame(format: SimulatedFormat, truth: FrameTruth): Uint8Array {
  const frame = Buffer.alloc(format.frameBytes, 0x55);
  frame.set(format.header);
  const payload = frame.subarray(format.header.length, format.header.length + PAYLOAD_BYTES);
  payload.writeUInt8(MAGIC, 0);
  payload.writeUInt16LE(truth.epoch, 1);
  payload.writeUInt32LE(truth.index, 3);
  payload.writeDoubleLE(truth.leftMs, 7);
  payload.writeUInt32LE(crc32(payload.subarray(0, 15)), 15);
  return frame;
}

/** Reads a frame's own words; `undefined` when it is damaged. */
export function readFrame(frame: Uint8Array, headerBytes: number): FrameTruth | undefined {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  const payload = bytes.subarray(headerBytes, headerBytes + PAYLOAD_BYTES);
  if (payload.length < PAYLOAD_BYTES || payload[0] !== MAGIC) return undefined;
  if (payload.readUInt32LE(15) !== crc32(payload.subarray(0, 15))) return undefined;
  return {
    epoch: payload.readUInt16LE(1),
    index: payload.readUInt32LE(3),
    leftMs: payload.readDoubleLE(7),
  };
}
