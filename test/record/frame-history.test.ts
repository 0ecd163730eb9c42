import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameHistory } from "../../src/record/frame-history.ts";

test("of the tiny frames of dead air a minute is held, and numbers and places stay right", () => {
  const history = new FrameHistory();
  const frame = { bytes: new Uint8Array(12), durationSeconds: 0.02 };
  for (let count = 0; count < 40_000; count++) history.add([frame]);
  assert.ok(
    history.frames.length >= 3000 && history.frames.length <= 3300,
    `${history.frames.length} frames`,
  );
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
