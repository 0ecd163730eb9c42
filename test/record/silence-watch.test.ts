import assert from "node:assert/strict";
import { test } from "node:test";

import type { Log } from "../../src/core/log.ts";
import type { PlacedLevel } from "../../src/record/loudness-track.ts";
import { type Silence, SilenceWatch } from "../../src/record/silence-watch.ts";

const SECOND = 48_000;

test("dead air is told at once when it has lasted, and booked with its ends when sound is back", () => {
  const { watch, lines, over } = createWatch(3000);
  watch.add([...steady(0, 2, -20), ...steady(2, 4.9, -70)]);
  assert.deepEqual([over, lines], [[], []]);
  watch.add(steady(4.9, 5, -70));
  assert.deepEqual(lines, ["warn dead air: no sound for 3 s"]);
  watch.add(steady(5, 12, -100));
  assert.equal(lines.length, 1, "told once");
  assert.deepEqual(over, []);
  watch.add(steady(12, 13, -59));
  assert.deepEqual(lines.slice(1), ["info sound is back"]);
  watch.end();
  assert.deepEqual(over, [{ startSample: 2 * SECOND, endSample: 12 * SECOND }], "booked once");
});

test("shorter pauses are no dead air, however many", () => {
  const { watch, lines, over } = createWatch(3000);
  for (let from = 0; from < 30; from += 3) {
    watch.add([...steady(from, from + 2.9, -Infinity), ...steady(from + 2.9, from + 3, -40)]);
  }
  watch.end();
  assert.deepEqual([over, lines], [[], []]);
});

test("dead air at the end of a recording ends with it", () => {
  const { watch, over } = createWatch(3000);
  watch.add(steady(1, 5, -Infinity));
  watch.end();
  watch.end();
  assert.deepEqual(over, [{ startSample: SECOND, endSample: 5 * SECOND }]);
});

test("what is missing is not taken for silence", () => {
  const { watch, lines, over } = createWatch(3000);
  watch.add([...steady(0, 2, -Infinity), ...steady(600, 602, -Infinity)]);
  assert.deepEqual([over, lines], [[], []]);
  watch.add([...steady(602, 604, -Infinity), ...steady(700, 701, -Infinity)]);
  assert.deepEqual(over, [{ startSample: 600 * SECOND, endSample: 604 * SECOND }]);
});

test("without a time nothing is dead air", () => {
  const { watch, lines, over } = createWatch(undefined);
  watch.add([...steady(0, 600, -Infinity), ...steady(600, 601, -20)]);
  assert.deepEqual([over, lines], [[], []]);
});

function createWatch(silenceAfterMs: number | undefined): {
  watch: SilenceWatch;
  lines: string[];
  over: Silence[];
} {
  const lines: string[] = [];
  const over: Silence[] = [];
  const log: Log = {
    info: (message) => void lines.push(`info ${message}`),
    warn: (message) => void lines.push(`warn ${message}`),
    child: () => log,
  };
  const onOver = (silence: Silence): void => void over.push(silence);
  return { watch: new SilenceWatch({ silenceAfterMs, log, onOver }), lines, over };
}

function steady(fromSeconds: number, toSeconds: number, decibels: number): PlacedLevel[] {
  const power = 10 ** (decibels / 10);
  return Array.from({ length: Math.round((toSeconds - fromSeconds) * 20) }, (_, index) => ({
    startSample: Math.round(fromSeconds * SECOND) + index * 2400,
    durationSamples: 2400,
    power,
  }));
}
