import type { AudioFormat } from "../core/show.ts";
import { parseAdtsHeader } from "./adts-header.ts";
import { parseOggPage, toPackets } from "./ogg-page.ts";
import { isOpusTags, parseOpusHead, toPacketSamples } from "./opus.ts";
import { PCM_SAMPLE_BYTES, WAV_HEADER_BYTES } from "./wav-header.ts";

/**
 * Samples at 48 kHz that the bytes of a segment add to the decoded sound; 0 where they cannot be read as `audioFormat`.
 * `channels` matters for WAV alone.
 */
export function toDurationSamples(audioFormat: AudioFormat, channels: number, audioData: Uint8Array): number {
  switch (audioFormat) {
    case "opus":
      return toOpusSamples(audioData);
    case "aac":
      return toAdtsSamples(audioData);
    case "wav":
      return Math.floor((audioData.length - toWavHeaderBytes(audioData)) / (channels * PCM_SAMPLE_BYTES));
  }
}

/** Bytes of the header that a WAV segment begins with; 0 in the middle of a session. */
export function toWavHeaderBytes(audioData: Uint8Array): number {
  return Buffer.from(audioData.buffer, audioData.byteOffset, audioData.length).toString("latin1", 0, 4) ===
    "RIFF"
    ? WAV_HEADER_BYTES
    : 0;
}

function toOpusSamples(audioData: Uint8Array): number {
  let samples = 0;
  for (let offset = 0; offset < audioData.length;) {
    const page = parseOggPage(audioData, offset);
    if (page === undefined) return 0;
    offset += page.pageBytes;
    for (const packet of toPackets(page).whole) {
      const head = parseOpusHead(packet);
      if (head !== undefined) samples -= head.preSkipSamples;
      else if (!isOpusTags(packet)) samples += toPacketSamples(packet);
    }
  }
  return Math.max(0, samples);
}

function toAdtsSamples(audioData: Uint8Array): number {
  let samples = 0;
  for (let offset = 0; offset < audioData.length;) {
    const header = parseAdtsHeader(audioData, offset);
    if (header === undefined) return 0;
    samples += header.samples;
    offset += header.frameBytes;
  }
  return samples;
}
