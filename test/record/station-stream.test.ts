import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameParser } from "../../src/audio/frame-parser.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { openScripted } from "../support/scripted-station.ts";
import { encodeTone } from "../support/sound.ts";

test("a frame that had come before is told to have, so that what is lost behind it is placed right", async () => {
  const args = "-b:a 128k -write_xing 0 -id3v2_version 0 -f mp3";
  const bytes = await encodeTone({ startMs: 0, seconds: 2, sampleRate: 44_100, channels: 2 }, args);
  const frames = new FrameParser("mp3").push(bytes).map((frame) => frame.bytes);
  const half = frames[20]?.subarray(0, 200) ?? new Uint8Array(0);
  const rest = frames[20]?.subarray(200) ?? new Uint8Array(0);
  async function* body(): AsyncGenerator<Uint8Array> {
    yield concatBytes(frames.slice(0, 10));
    yield concatBytes([...frames.slice(10, 20), half]);
    yield concatBytes([rest, ...frames.slice(21, 30)]);
    yield concatBytes([new Uint8Array(500), ...frames.slice(30, 40)]);
    yield concatBytes(frames.slice(50, 60));
  }
  const { stream } = await openScripted(body(), AbortSignal.timeout(10_000));
  const told: [number, boolean | undefined][] = [];
  for (let next = await stream.next(); next.kind === "heard"; next = await stream.next()) {
    told.push([next.heard.frames.length, next.heard.isFirstHeldBack]);
  }
  stream.close();
  // Each chunk but the third ends with a whole frame, and the fourth begins with what is none.
  assert.deepEqual(told, [
    [9, false],
    [11, true],
    [9, false],
    [9, false],
    [10, true],
    [1, undefined],
  ]);
});
