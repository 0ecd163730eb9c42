import assert from "node:assert/strict";
import { test } from "node:test";

import { toArrivedSound } from "../../src/record/arrived-sound.ts";

const frame = { bytes: new Uint8Array(400), durationSeconds: 0.025 };

test("sound that comes late begins behind a frame that had come before", () => {
  const heard = { frames: [frame, frame, frame, frame], titles: [], arrivalMs: 0 };
  assert.equal(toArrivedSound(heard, 10)?.firstSeconds, 10 - 4 * 0.025);
  assert.equal(toArrivedSound({ ...heard, isFirstHeldBack: true }, 10)?.firstSeconds, 10 - 3 * 0.025);
  const alone = { frames: [frame], titles: [], arrivalMs: 0, isFirstHeldBack: true };
  assert.equal(toArrivedSound(alone, 10)?.firstSeconds, 10);
});

test("of a long page only the end is as new as its arrival", () => {
  const page = { bytes: new Uint8Array(4000), durationSeconds: 1 };
  const sound = toArrivedSound({ frames: [page], titles: [], arrivalMs: 0, isBehindDamage: true }, 10);
  assert.deepEqual(sound, { firstSeconds: 9, lastSeconds: 9.95, isBehindDamage: true });
  assert.equal(toArrivedSound({ frames: [], titles: ["a"], arrivalMs: 0 }, 10), undefined);
});
