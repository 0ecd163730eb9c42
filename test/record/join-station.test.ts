import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { FrameParser } from "../../src/audio/frame-parser.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { systemClock } from "../../src/core/clock.ts";
import { joinStation } from "../../src/record/join-station.ts";
import type { OpenStation } from "../../src/record/open-station.ts";
import { openScripted } from "../support/scripted-station.ts";
import { encodeTone } from "../support/sound.ts";

const ARGS = "-b:a 128k -write_xing 0 -id3v2_version 0 -f mp3";

async function open(chunks: readonly Uint8Array[], everyMs: number): Promise<OpenStation> {
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) {
      yield chunk;
      await delay(everyMs);
    }
  }
  return await openScripted(body(), AbortSignal.timeout(20_000));
}

test("what a connection has said before it ended, while it was not clear whether it goes on, is heard", async () => {
  const tone = { startMs: 0, seconds: 4, sampleRate: 44_100, channels: 2 };
  const held = new FrameParser("mp3").push(await encodeTone(tone, ARGS)).map((frame) => frame.bytes);
  const { stream } = await open([concatBytes(held.slice(20, 60)), concatBytes(held.slice(60, 90))], 50);
  const lost = { frames: held, frameMs: 26, lastArrivalMs: performance.now() - 100 };
  assert.equal((await joinStation(stream, lost, systemClock)).kind, "ended");
  const heard: Uint8Array[] = [];
  for (;;) {
    const next = await stream.next();
    if (next.kind !== "heard") break;
    heard.push(...next.heard.frames.map((frame) => frame.bytes));
  }
  stream.close();
  assert.deepEqual(concatBytes(heard), concatBytes(held.slice(20, 90)));
});

test("dead air that begins later than the time away allows is not listened to for long", async () => {
  const silence = await encodeTone({ startMs: 0, seconds: 20 }, `-af volume=0 ${ARGS}`);
  const frames = new FrameParser("mp3").push(silence).map((frame) => frame.bytes);
  const live = frames.slice(300).map((frame) => [frame]);
  const { stream } = await open([concatBytes(frames.slice(100, 110)), ...live.map(concatBytes)], 24);
  const lost = { frames: frames.slice(20, 70), frameMs: 24, lastArrivalMs: performance.now() - 8000 };
  const startMs = performance.now();
  assert.equal((await joinStation(stream, lost, systemClock)).kind, "apart");
  assert.ok(performance.now() - startMs < 2500);
  stream.close();
});
