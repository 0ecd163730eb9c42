import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { FrameParser } from "../../src/audio/frame-parser.ts";
import { systemClock } from "../../src/core/clock.ts";
import { AppError } from "../../src/core/app-error.ts";
import { FrameHistory } from "../../src/record/frame-history.ts";
import { toUnbrokenStream } from "../../src/record/unbroken-stream.ts";
import { openScripted } from "../support/scripted-station.ts";
import { encodeTone } from "../support/sound.ts";

const STALLED_AFTER_MS = 5500;

test("a connection that is silent when the recording is stopped has brought its last frame too", async () => {
  const tone = { startMs: 0, seconds: 2, sampleRate: 44_100, channels: 2 };
  const bytes = await encodeTone(tone, "-b:a 128k -write_xing 0 -id3v2_version 0 -f mp3");
  const parser = new FrameParser("mp3");
  const frames = [...parser.push(bytes), ...parser.end()];
  const stop = new AbortController();
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes;
    await delay(60_000, undefined, { signal: stop.signal }).catch(() => undefined);
  }
  const history = new FrameHistory();
  const lost: string[] = [];
  const parts = {
    clock: systemClock,
    random: () => 0,
    history,
    hasFallback: false,
    reopen: async () => {
      throw new AppError("network", "refused");
    },
    onLost: ({ reason }: { reason: string }) => lost.push(reason),
  };
  const stream = toUnbrokenStream(await openScripted(body(), stop.signal), parts, stop.signal);
  setTimeout(() => stop.abort(), STALLED_AFTER_MS);
  for (;;) if ((await stream.next()).done === true) break;
  assert.deepEqual(lost, ["stalled"]);
  assert.equal(history.endNumber, frames.length);
});
