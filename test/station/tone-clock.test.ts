import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { AppError } from "../../src/core/app-error.ts";
import { decodeToPcm } from "../../src/station/decode-to-pcm.ts";
import { ToneClockReader } from "../../src/station/tone-clock-reader.ts";
import { renderToneClock } from "../../src/station/tone-clock.ts";
import { countChildren, encode, readPcm, readTones } from "./ffmpeg.ts";

/** Passes a minute after five seconds, so that both pitches change. */
const START_MS = Date.UTC(2026, 2, 29, 0, 59, 54, 400);

describe("renderToneClock", () => {
  test("spans rendered apart and joined are the same as one span", () => {
    const samples = 44_100;
    const whole = renderToneClock({ startMs: START_MS, sampleRate: 44_100, samples, channels: 1 });
    // A cut falls on a whole millisecond at multiples of 441 samples only.
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), (cut) => {
        const startMs = START_MS + cut * 10;
        const rest = samples - cut * 441;
        const part = renderToneClock({ startMs, sampleRate: 44_100, samples: rest, channels: 1 });
        assert.deepEqual(part, whole.slice(cut * 441));
      }),
      { numRuns: 20 },
    );
  });

  test("stays 6 dB below full scale, in all channels alike", () => {
    const pcm = renderToneClock({ startMs: START_MS, sampleRate: 48_000, samples: 96_000, channels: 2 });
    assert.equal(pcm.length, 192_000);
    const peak = pcm.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    assert.ok(peak > 14_000 && peak <= 16_384, `the peak is ${peak}`);
    assert.ok(pcm.every((value, index) => index % 2 === 0 || value === pcm[index - 1]));
  });

  test("tells two minutes apart", () => {
    const at = (startMs: number): Int16Array =>
      renderToneClock({ startMs, sampleRate: 48_000, samples: 48_000, channels: 1 });
    assert.notDeepEqual(at(START_MS), at(START_MS + 60_000));
    assert.deepEqual(at(START_MS), at(START_MS + 3_600_000));
  });
});

describe("ToneClockReader", () => {
  /** `delaySamples`: what encoder and decoder add together, at the rate of the stream. */
  const codecs = [
    {
      name: "MP3 128k",
      sampleRate: 44_100,
      channels: 2,
      delaySamples: 1105,
      codec: "-b:a 128k -write_xing 0 -f mp3",
    },
    {
      name: "MP3 32k",
      sampleRate: 22_050,
      channels: 1,
      delaySamples: 1105,
      codec: "-b:a 32k -write_xing 0 -f mp3",
    },
    {
      name: "AAC 96k",
      sampleRate: 44_100,
      channels: 2,
      delaySamples: 1024,
      codec: "-c:a aac -b:a 96k -f adts",
    },
    {
      name: "AAC 32k",
      sampleRate: 44_100,
      channels: 1,
      delaySamples: 1024,
      codec: "-c:a aac -b:a 32k -f adts",
    },
    {
      name: "Opus 16k",
      sampleRate: 48_000,
      channels: 1,
      delaySamples: 0,
      codec: "-c:a libopus -b:a 16k -f ogg",
    },
  ];
  for (const { name, sampleRate, channels, delaySamples, codec } of codecs) {
    test(`finds every second to 0.02 ms in ${name}`, async () => {
      const seconds = 12;
      const pcm = renderToneClock({ startMs: START_MS, sampleRate, samples: sampleRate * seconds, channels });
      const { marks } = await readTones(await encode(pcm, { sampleRate, channels, codec }));
      const delayMs = (delaySamples * 1000) / sampleRate;
      const found = marks.map(({ sample, second, minute }) => {
        const unixMs = START_MS + sample / 48 - delayMs;
        const wholeS = Math.round(unixMs / 1000);
        const errorMs = unixMs - wholeS * 1000;
        assert.ok(Math.abs(errorMs) <= 0.02, `the error is ${errorMs} ms`);
        assert.deepEqual({ second, minute }, { second: wholeS % 60, minute: Math.floor(wholeS / 60) % 60 });
        return wholeS;
      });
      const firstS = Math.ceil(START_MS / 1000);
      assert.deepEqual(
        found,
        Array.from({ length: seconds }, (_, index) => firstS + index),
      );
    });
  }

  test("does not depend on how the sound is cut into pieces, nor on its type", () => {
    const pcm = renderToneClock({ startMs: START_MS, sampleRate: 48_000, samples: 200_000, channels: 1 });
    const expected = readPcm(pcm).marks;
    assert.equal(expected.length, 4);
    assert.deepEqual(readPcm(Float32Array.from(pcm, (value) => value / 32_768)).marks, expected);
    const lengths = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(lengths, (lengths) => {
        const reader = new ToneClockReader();
        let offset = 0;
        for (const length of [...lengths, pcm.length]) {
          reader.push(pcm.subarray(offset, offset + length));
          offset += length;
        }
        reader.end();
        assert.deepEqual(reader.marks, expected);
        assert.equal(reader.samples, pcm.length);
      }),
      { numRuns: 20 },
    );
  });

  test("finds a second that starts with the sound", () => {
    const pcm = renderToneClock({ startMs: 1_000_000, sampleRate: 48_000, samples: 48_000, channels: 1 });
    const [mark, ...others] = readPcm(pcm).marks;
    assert.equal(others.length, 0);
    assert.ok(Math.abs(mark?.sample ?? NaN) < 1);
  });

  const rubbish: Record<string, (index: number) => number> = {
    silence: () => 0,
    noise: () => 0.6 * (Math.random() - 0.5),
    "noise in bursts": (index) => (index % 24_000 < 2400 ? Math.random() - 0.5 : 0),
    "a rising tone": (index) => 0.5 * Math.sin((index / 4000) ** 2 * 10),
    "clicks alone": (index) => (index % 48_000 === 0 ? 0.9 : 0),
  };
  for (const [name, level] of Object.entries(rubbish)) {
    test(`finds nothing in ${name}`, () => {
      assert.deepEqual(readPcm(Float32Array.from({ length: 480_000 }, (_, index) => level(index))).marks, []);
    });
  }

  test("finds nothing where a click is followed by other tones than the clock's", () => {
    const clock = renderToneClock({ startMs: START_MS, sampleRate: 48_000, samples: 240_000, channels: 1 });
    for (const hz of [[1000], [500, 620], [430, 1910]]) {
      const pcm = clock.map((value, index) => {
        const isClick = (index + 400 * 48) % 48_000 < 0.012 * 48_000;
        const level = hz.reduce((sum, hz) => sum + 0.2 * Math.sin((2 * Math.PI * hz * index) / 48_000), 0);
        return isClick ? value : level * 32_767;
      });
      assert.deepEqual(readPcm(pcm).marks, [], `${hz.join()} Hz`);
    }
  });

  test("finds silence that is not the clock's own", () => {
    const pcm = renderToneClock({ startMs: 0, sampleRate: 48_000, samples: 240_000, channels: 1 });
    assert.deepEqual(readPcm(pcm).silences, []);
    pcm.fill(0, 60_000, 69_600);
    const [silence, ...others] = readPcm(pcm).silences;
    assert.equal(others.length, 0);
    assert.ok(Math.abs((silence?.sample ?? 0) - 60_000) <= 240);
    assert.ok(Math.abs((silence?.samples ?? 0) - 9600) <= 480);
  });
});

describe("decodeToPcm", () => {
  const wav = async (): Promise<Uint8Array> => {
    const pcm = renderToneClock({ startMs: 0, sampleRate: 48_000, samples: 480_000, channels: 2 });
    return await encode(pcm, { sampleRate: 48_000, channels: 2, codec: "-f wav" });
  };
  const { signal } = new AbortController();

  test("gives the same for a file, bytes, and bytes in pieces", async () => {
    const bytes = await wav();
    const directory = await mkdtemp(join(tmpdir(), "tone-"));
    try {
      const path = join(directory, "a: b%d.wav");
      await writeFile(path, bytes);
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let offset = 0; offset < bytes.length; offset += 9999)
          yield bytes.subarray(offset, offset + 9999);
      }
      for (const source of [path, bytes, pieces()]) {
        const { samples, marks } = await readTones(source);
        assert.equal(samples, 480_000);
        assert.equal(marks.length, 10);
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  for (const [name, source] of Object.entries({
    "bytes that are no sound": new TextEncoder().encode("<html>no radio here</html>".repeat(100)),
    "no bytes": new Uint8Array(0),
    "a file that is not there": "/nowhere/at/all.mp3",
  })) {
    test(`fails with a decoder error for ${name}`, async () => {
      await assert.rejects(
        readTones(source),
        (error) => error instanceof AppError && error.code === "decoder",
      );
    });
  }

  test("throws what its source throws", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield (await wav()).subarray(0, 50_000);
      throw new Error("the disk is gone");
    }
    await assert.rejects(readTones(broken()), /the disk is gone/);
  });

  test("leaves no child behind when it is aborted or its reader stops early", async (t) => {
    const bytes = await wav();
    const stop = new AbortController();
    await assert.rejects(
      async () => {
        for await (const pcm of decodeToPcm(bytes, stop.signal)) if (pcm.length > 0) stop.abort();
      },
      { name: "AbortError" },
    );
    for await (const pcm of decodeToPcm(bytes, signal)) if (pcm.length > 0) break;
    await t.waitFor(() => assert.equal(countChildren(), 0));
  });
});
