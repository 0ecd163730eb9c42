import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeWithFfmpeg } from "../../src/audio/encoder.ts";
import { FrameParser } from "../../src/audio/frame-parser.ts";
import { decodeToPcm } from "../../src/audio/decode.ts";
import { createCutter } from "../../src/audio/create-cutter.ts";
import { FIRST_CUT } from "../../src/audio/cutter.ts";
import type { ShowFormat } from "../../src/core/show.ts";
import { collect, encodeTone, toStream } from "../support/sound.ts";

const SIGNAL = AbortSignal.timeout(30_000);

for (const channels of [1, 2]) {
  test(`a station with ${channels} channels keeps its level when it is recorded in mono`, async () => {
    const tone = { startMs: 0, seconds: 3 };
    const station = await encodeTone({ ...tone, channels }, "-c:a libmp3lame -b:a 128k -f mp3");
    const reference = await encodeTone(tone, "-c:a pcm_s16le -f s16le");
    const kept = await keep(station, { audioFormat: "opus", bitrateKbps: 64, channels: 1 });
    const decibels = 20 * Math.log10(toLevel(kept) / toLevel(reference));
    assert.ok(Math.abs(decibels) < 1, `${decibels} dB`);
  });
}

/** What a show of the format keeps of a station's bytes, decoded to one channel. */
async function keep(
  station: Uint8Array,
  format: Omit<ShowFormat, "splitIntervalSeconds">,
): Promise<Uint8Array> {
  const parser = new FrameParser("mp3");
  const frames = [parser.push(station), parser.end()].flat().map((frame) => frame.bytes);
  const settings = { input: "mp3", format: { ...format, splitIntervalSeconds: 10 } } as const;
  const cutter = createCutter(settings.format, FIRST_CUT);
  const encoded = await collect(encodeWithFfmpeg(toStream(...frames), settings, SIGNAL));
  const pieces = [...cutter.push(encoded), ...cutter.end()].map((piece) => piece.audioData);
  return await collect(decodeToPcm(format.audioFormat, toStream(...pieces), SIGNAL));
}

/** Root mean square of 16-bit samples. */
function toLevel(bytes: Uint8Array): number {
  const samples = new Int16Array(new Uint8Array(bytes).buffer);
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}
