import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { encodeWithFfmpeg, type EncodeSettings } from "../../src/audio/encoder.ts";
import { FrameParser } from "../../src/audio/frame-parser.ts";
import { type Level, LevelMeter } from "../../src/audio/level-meter.ts";
import { OggPacketReader } from "../../src/audio/ogg-packet-reader.ts";
import { runFfmpeg } from "../../src/audio/ffmpeg.ts";
import { AppError } from "../../src/core/app-error.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { toLoudnessByte } from "../../src/core/loudness.ts";
import { AUDIO_FORMATS, type AudioFormat } from "../../src/core/show.ts";
import { collect, encodeTone, split, toStream } from "../support/sound.ts";

const CHANNELS = [1, 2] as const;

for (const audioFormat of AUDIO_FORMATS) {
  for (const channels of CHANNELS) {
    test(`${audioFormat}, ${channels} channels: measuring changes no byte of what is kept`, async () => {
      // A station that changes its rate and its channels on the way has ffmpeg build its filters anew.
      const first = await encodeTone({ startMs: 0, seconds: 3 }, "-c:a libmp3lame -b:a 96k -f mp3");
      const second = await encodeTone(
        { startMs: 0, seconds: 3, sampleRate: 44_100, channels: 2 },
        "-c:a libmp3lame -b:a 96k -f mp3",
      );
      const station = concatBytes([first, second]);
      const plain = await encode(station, toSettings(audioFormat, channels));
      const levels: Level[] = [];
      const measured = await encode(station, {
        ...toSettings(audioFormat, channels),
        onLevels: (some) => void levels.push(...some),
      });
      assert.deepEqual(toPackets(audioFormat, measured), toPackets(audioFormat, plain));
      const samples = sumSamples(levels);
      assert.ok(samples > 5.8 * 48_000 && samples < 6.2 * 48_000, `${samples} samples were measured`);
      if (audioFormat === "wav") assert.equal(samples, plain.length / 2 / channels);
    });
  }
}

/** Sound by ffmpeg's expression for each channel, and the root mean square that it must be measured with. */
const SOUNDS = [
  { name: "a sine of -20 dBFS", left: "0.1*sqrt(2)*sin(2*PI*1000*t)", mono: -20, stereo: -20 },
  { name: "a soft sine of -70 dBFS", left: "0.000316*sqrt(2)*sin(2*PI*440*t)", mono: -70, stereo: -70 },
  {
    name: "a sine of -20 dBFS in the left channel alone",
    left: "0.1*sqrt(2)*sin(2*PI*1000*t)",
    right: "0",
    mono: -26.02,
    stereo: -23.01,
  },
  { name: "digital silence", left: "0", mono: -Infinity, stereo: -Infinity },
] as const;

for (const sound of SOUNDS) {
  for (const [channels, decibels] of [
    [1, sound.mono],
    [2, sound.stereo],
  ] as const) {
    test(`${sound.name} has the byte of ${decibels} dBFS in ${channels} channels`, async () => {
      const right = "right" in sound ? sound.right : sound.left;
      const station = await synthesize(`${sound.left}|${right}`);
      const levels: Level[] = [];
      await encode(station, {
        ...toSettings("opus", channels),
        onLevels: (some) => void levels.push(...some),
      });
      const inner = levels.slice(10, -10);
      assert.ok(inner.length > 20);
      const expected = Math.max(0, Math.round(((decibels + 90) / 90) * 255));
      for (const { power } of inner) {
        const byte = toLoudnessByte(power);
        assert.ok(Math.abs(byte - expected) <= 1, `${byte} instead of ${expected}`);
      }
    });
  }
}

test("full scale is 255, more is no more, and -90 dBFS is 0", () => {
  assert.deepEqual([1, 4, Infinity, 1e-9, 0].map(toLoudnessByte), [255, 255, 255, 0, 0]);
  assert.equal(toLoudnessByte(10 ** -4.5), 128);
});

test("how the samples arrive makes no difference, and none is left out", () => {
  const sample = fc.float({ min: -1, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom(...CHANNELS),
      (samples, repeats, lengths, channels) => {
        const values = new Float32Array(Array.from({ length: repeats }, () => samples).flat());
        const frames = Math.floor(values.length / channels);
        const bytes = new Uint8Array(values.buffer).subarray(0, frames * channels * 4);
        const whole = meter(channels, [bytes]);
        assert.deepEqual(meter(channels, [...split(bytes, lengths)]), whole);
        assert.equal(sumSamples(whole), frames);
        const energy = whole.reduce((sum, level) => sum + level.power * level.durationSamples * channels, 0);
        const squares = values.subarray(0, frames * channels).reduce((sum, value) => sum + value * value, 0);
        assert.ok(Math.abs(energy - squares) <= 1e-6 * (1 + squares));
      },
    ),
    { numRuns: 50 },
  );
});

test("a decoder that fails has told the levels of all that came before", async () => {
  const levels: Level[] = [];
  const settings = {
    ...toSettings("wav", 1),
    onLevels: (some: readonly Level[]) => void levels.push(...some),
  };
  const station = await encodeTone({ startMs: 0, seconds: 2 }, "-c:a libmp3lame -b:a 96k -f mp3");
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield station;
    throw new AppError("network", "the line is cut");
  }
  const kept: Uint8Array[] = [];
  await assert.rejects(async () => {
    for await (const chunk of encodeWithFfmpeg(failing(), settings, AbortSignal.timeout(30_000))) {
      kept.push(chunk);
    }
  }, /the line is cut/);
  assert.equal(sumSamples(levels), concatBytes(kept).length / 2);
});

function toSettings(audioFormat: AudioFormat, channels: 1 | 2): EncodeSettings {
  return { input: "mp3", format: { audioFormat, bitrateKbps: 64, channels, splitIntervalSeconds: 10 } };
}

async function encode(station: Uint8Array, settings: EncodeSettings): Promise<Uint8Array> {
  const parser = new FrameParser("mp3");
  const frames = [...parser.push(station), ...parser.end()].map((frame) => frame.bytes);
  return await collect(encodeWithFfmpeg(toStream(...frames), settings, AbortSignal.timeout(30_000)));
}

/** Ogg pages bear a number drawn at random, packets do not. */
function toPackets(audioFormat: AudioFormat, encoded: Uint8Array): Uint8Array[] {
  return audioFormat === "opus" ? new OggPacketReader().push(encoded) : [encoded];
}

async function synthesize(expressions: string): Promise<Uint8Array> {
  const args = `-f lavfi -i aevalsrc=${expressions}:s=48000:d=3 -c:a libmp3lame -b:a 320k -f mp3 pipe:1`;
  return await collect(runFfmpeg(args.split(" "), toStream(), AbortSignal.timeout(30_000)));
}

function meter(channels: number, chunks: readonly Uint8Array[]): Level[] {
  const levels: Level[] = [];
  const meter = new LevelMeter(channels, (some) => void levels.push(...some));
  for (const chunk of chunks) meter.push(chunk);
  meter.end();
  return levels;
}

function sumSamples(levels: readonly Level[]): number {
  return levels.reduce((sum, level) => sum + level.durationSamples, 0);
}
