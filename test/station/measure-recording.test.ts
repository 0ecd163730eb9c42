import assert from "node:assert/strict";
import { test } from "node:test";

import { measureRecording } from "../../src/station/measure-recording.ts";
import { encodeTone } from "../support/sound.ts";

test("a second that begins just before the first sample is one at its own time", async () => {
  const startMs = 1_795_681_470_002;
  const audioData = await encodeTone({ startMs, seconds: 4 }, "-f wav");
  const row = { timestampMs: startMs, durationSamples: 4 * 48_000, audioData };
  const { held, missing, worstErrorMs } = await measureRecording([row], AbortSignal.timeout(30_000));
  assert.deepEqual(held, [{ fromS: 1_795_681_470, toS: 1_795_681_473 }]);
  assert.deepEqual(missing, []);
  assert.ok(Math.abs(worstErrorMs ?? Infinity) < 2, `off by ${worstErrorMs} ms`);
});
