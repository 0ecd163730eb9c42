import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameHistory } from "../../src/record/frame-history.ts";

test("of the tiny frames of dead air a minute is held, and numbers and places stay right", () => {
  const history = new FrameHistory();
  const frame = { bytes: new Uint8Array(12), durationSeconds: 0.02 };
  for (let count = 0; count < 40_000; count++) history.add([frame]);
  const { length } = history.since();
  assert.ok(length >= 3000 && length <= 3300, `${length} frames`);
  assert.equal(history.endNumber, 40_000);
  assert.ok(Math.abs(history.endSeconds - 800) < 1e-6);
  const place = history.findPreRoll(790, 8);
  assert.equal(place?.number, 790 / 0.02 - 8);
});

test("a decoder that ended before it gave a whole frame is followed by one that is fed from the first", () => {
  const history = new FrameHistory();
  history.add([{ bytes: new Uint8Array(417), durationSeconds: 1152 / 44_100 }]);
  assert.deepEqual(history.findPreRoll(0, 8), { number: 0, seconds: 0 });
});

test("the newest half megabyte of frames is there as it came, with what each needs", () => {
  const history = new FrameHistory();
  const frames = Array.from({ length: 5000 }, (_, number) => {
    const bytes = new Uint8Array(100 + ((number * 7919) % 900)).fill(number);
    const frame = { bytes, durationSeconds: 0.02 + (number % 3) / 1000 };
    return number % 2 === 0 ? frame : { ...frame, headers: bytes.subarray(0, 3) };
  });
  for (let number = 0; number < frames.length; number += 7) {
    history.add(frames.slice(number, number + 7));
    const held = history.since();
    assert.deepEqual(history.since(history.endNumber - 2), frames.slice(history.endNumber - 2, number + 7));
    assert.ok(
      held.length === history.endNumber || sumBytes(held) >= 512 * 1024 - 1000,
      `${held.length} frames`,
    );
    assert.ok(sumBytes(held) <= 640 * 1024);
  }
  const held = history.since();
  assert.deepEqual(held, frames.slice(-held.length));
  assert.deepEqual(history.since(history.endNumber), []);
});

test("what was taken out of the history stays as it is when more is added", () => {
  const history = new FrameHistory();
  history.add([{ bytes: new Uint8Array(400).fill(1), durationSeconds: 0.02 }]);
  const [taken] = history.since();
  for (let count = 0; count < 4000; count++)
    history.add([{ bytes: new Uint8Array(400), durationSeconds: 0.02 }]);
  assert.deepEqual(taken?.bytes, new Uint8Array(400).fill(1));
});

function sumBytes(frames: readonly { bytes: Uint8Array }[]): number {
  return frames.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
