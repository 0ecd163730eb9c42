import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { Level } from "../../src/audio/level-meter.ts";
import { joinLoudness, toLoudnessByte } from "../../src/core/loudness.ts";
import { LoudnessTrack } from "../../src/record/loudness-track.ts";

const SECOND = 48_000;

const level = fc.record({
  durationSamples: fc.integer({ min: 1, max: 2400 }),
  power: fc.double({ min: 0, max: 1, noNaN: true }),
});

test("each second begun has the mean of what was measured in it, wherever a segment begins", () => {
  fc.assert(
    fc.property(
      fc.array(level, { minLength: 100, maxLength: 200 }),
      fc.nat(1100),
      fc.nat(60_000),
      fc.integer({ min: 1, max: 200_000 }),
      (levels, delaySamples, startSample, lengthSamples) => {
        const endSample = delaySamples + sumSamples(levels);
        const start = Math.min(startSample, endSample - 1);
        const duration = Math.min(lengthSamples, endSample - start);
        const track = createTrack(delaySamples);
        track.add(levels);
        const powers = toPowers(levels, delaySamples);
        const expected: number[] = [];
        for (let from = start; from < start + duration; from += SECOND) {
          const part = powers.subarray(
            Math.max(from, delaySamples),
            Math.min(from + SECOND, start + duration),
          );
          // The delay before the first sound takes the level of that.
          const mean =
            part.length > 0
              ? part.reduce((sum, power) => sum + power, 0) / part.length
              : powers[delaySamples];
          expected.push(toLoudnessByte(mean ?? 0));
        }
        const bytes = track.toLoudness(start, duration);
        assert.ok(bytes?.length === expected.length, `${bytes?.length} bytes, ${expected.length} seconds`);
        for (const [index, byte] of bytes.entries()) assert.ok(Math.abs(byte - (expected[index] ?? 0)) <= 1);
      },
    ),
    { numRuns: 50 },
  );
});

test("the loudness of a segment's pieces, put together, is that of the segment", () => {
  fc.assert(
    fc.property(
      fc.array(level, { minLength: 150, maxLength: 200 }),
      fc.nat(30_000),
      (levels, startSample) => {
        const track = createTrack();
        track.add(levels);
        const durationSamples = sumSamples(levels) - startSample;
        const parts = [];
        for (let offset = 0; offset < durationSamples; offset += 24_000) {
          const rest = offset % SECOND;
          const length = Math.min(24_000, durationSamples - offset);
          parts.push({
            startSample: offset,
            bytes: track.toLoudness(startSample + offset - rest, rest + length),
          });
        }
        assert.deepEqual(
          joinLoudness(parts, durationSamples),
          track.toLoudness(startSample, durationSamples),
        );
        const holed = parts.filter((part) => Math.floor(part.startSample / SECOND) !== 1);
        assert.equal(joinLoudness(holed, durationSamples), undefined, "a second without a byte");
      },
    ),
    { numRuns: 30 },
  );
});

test("moments that are not measured yet take the level before them, but not for more than a second", () => {
  const track = createTrack();
  assert.equal(track.toLoudness(0, 100), undefined);
  track.add(steady(1, 10 ** -2));
  assert.deepEqual([...(track.toLoudness(0, SECOND + 650) ?? [])], [198, 198]);
  assert.deepEqual([...(track.toLoudness(SECOND, 24_000) ?? [])], [198]);
  assert.equal(track.toLoudness(0, 2 * SECOND + 1), undefined);
});

test("what was stored is let go, and the rest is told as before", () => {
  const track = createTrack();
  track.add([...steady(1, 1), ...steady(1, 10 ** -2), ...steady(1, 10 ** -4)]);
  track.forget(SECOND + 1000);
  assert.equal(track.toLoudness(0, SECOND), undefined);
  assert.deepEqual([...(track.toLoudness(SECOND + 1000, 2 * SECOND - 1000) ?? [])], [198, 142]);
  track.forget(3 * SECOND);
  assert.deepEqual([...(track.toLoudness(3 * SECOND, 650) ?? [])], [142]);
});

test("three hours that nobody stores are not all held", () => {
  const track = createTrack();
  for (let minute = 0; minute < 180; minute++) track.add(steady(60, 1));
  assert.equal(track.toLoudness(0, SECOND), undefined);
  assert.ok(track.toLoudness(61 * 60 * SECOND, SECOND));
});

test("an encoder that takes over measures anew what was not kept, and what its pre-roll repeats is known already", () => {
  const track = createTrack();
  track.add([...steady(2, 1), ...steady(1, 10 ** -4)]);
  track.beginAt(1.5 * SECOND, 2 * SECOND + 1000);
  const fresh = track.add([...steady(1, 1), ...steady(1.5, 10 ** -2)]);
  assert.equal(fresh[0]?.startSample, 2 * SECOND + 1000);
  assert.equal(sumSamples(fresh), 2 * SECOND - 1000);
  assert.deepEqual([...(track.toLoudness(0, 4 * SECOND) ?? [])], [255, 255, 246, 198]);
});

test("sound behind a hole lies where it is told to lie", () => {
  const track = createTrack();
  track.add(steady(1, 1));
  track.beginAt(5 * SECOND, 5 * SECOND);
  track.add(steady(2, 10 ** -2));
  assert.deepEqual([...(track.toLoudness(0, SECOND) ?? [])], [255]);
  assert.deepEqual([...(track.toLoudness(5 * SECOND, 2 * SECOND) ?? [])], [198, 198]);
});

function createTrack(startSample = 0): LoudnessTrack {
  const track = new LoudnessTrack();
  track.beginAt(startSample, 0);
  return track;
}

function steady(seconds: number, power: number): Level[] {
  return Array.from({ length: seconds * 20 }, () => ({ durationSamples: 2400, power }));
}

function sumSamples(levels: readonly Level[]): number {
  return levels.reduce((sum, { durationSamples }) => sum + durationSamples, 0);
}

function toPowers(levels: readonly Level[], delaySamples: number): Float64Array {
  const powers = new Float64Array(delaySamples + sumSamples(levels));
  let sample = delaySamples;
  for (const { durationSamples, power } of levels) {
    powers.fill(power, sample, sample + durationSamples);
    sample += durationSamples;
  }
  return powers;
}
