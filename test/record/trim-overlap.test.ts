import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { toSeconds } from "../../src/audio/frame.ts";
import { systemClock } from "../../src/core/clock.ts";
import { unpackFrames } from "../../src/record/pack-frames.ts";

import { runRecording } from "../../src/record/run-recording.ts";
import { trimOverlap } from "../../src/record/trim-overlap.ts";
import { startStation } from "../../src/station/station.ts";
import { readSessions } from "../support/measure.ts";
import { createSetting } from "../support/recording.ts";
import { openScripted } from "../support/scripted-station.ts";
import { encodeTone } from "../support/sound.ts";
import { tempDir } from "../support/temp-dir.ts";

const BURST_SECONDS = 8;
const MP3 = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 } as const;
const LISTEN_MS = 3000;

/** What the last recorder left behind: a second of sound that it placed at the time at which it came. */
const LAST = { sessionEndAgoMs: 200, durationSamples: 48_000 } as const;

for (const isSettled of [true, false]) {
  const what = isSettled ? "is left out of a burst" : "trims no burst, however many recorders began since";
  test(`sound whose time was ${isSettled ? "" : "not "}settled ${what}`, async () => {
    using dir = tempDir();
    await using station = await startStation({
      mounts: [{ ...MP3, path: "/a", burstBytes: BURST_SECONDS * 16_000 }],
    });
    const show = { name: "a", urls: [station.url("/a")], audioFormat: "opus" } as const;
    const { setting, path, close } = createSetting(dir.path, show);
    leaveSound(setting.writer, isSettled);
    await runRecording(setting, { opened: undefined, soundEndMs: undefined }, AbortSignal.timeout(LISTEN_MS));
    close();
    const heldSeconds = (readSessions(path).at(-1)?.durationSamples ?? 0) / 48_000;
    const isTrimmed = heldSeconds < LISTEN_MS / 1000 + 1;
    assert.equal(isTrimmed, isSettled, `${heldSeconds} s are held`);
  });
}

test("sound that was placed by another clock is left out but for a second, by which those clocks may differ more", async () => {
  using dir = tempDir();
  await using station = await startStation({
    mounts: [{ ...MP3, path: "/a", burstBytes: BURST_SECONDS * 16_000 }],
  });
  const show = { name: "a", urls: [station.url("/a")], audioFormat: "opus" } as const;
  const { setting, path, close } = createSetting(dir.path, show);
  leaveSound(setting.writer, true, 5000);
  await runRecording(setting, { opened: undefined, soundEndMs: undefined }, AbortSignal.timeout(LISTEN_MS));
  close();
  const heldSeconds = (readSessions(path).at(-1)?.durationSamples ?? 0) / 48_000;
  const newSeconds = heldSeconds - (LISTEN_MS + LAST.sessionEndAgoMs) / 1000;
  assert.ok(newSeconds > 0.7 && newSeconds < 1.2, `${newSeconds} s are held twice`);
});

test("what is listened to on a slow line becomes durable meanwhile, without what is stored already", async () => {
  const nowMs = performance.now();
  const tone = { startMs: 0, seconds: 8, sampleRate: 44_100, channels: 2 };
  const bytes = await encodeTone(tone, "-b:a 128k -write_xing 0 -id3v2_version 0 -f mp3");
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let offset = 0; offset < bytes.length; offset += 8000) {
      yield bytes.subarray(offset, offset + 8000);
      await delay(100);
    }
  }
  const station = await openScripted(body(), AbortSignal.timeout(10_000));
  const offSeconds: number[] = [];
  const endMs = nowMs - 2500;
  await trimOverlap(station, {
    clock: systemClock,
    everyMs: 100,
    stored: delay(600, endMs),
    save: ({ part }) => {
      const seconds = toSeconds(unpackFrames(part?.frames ?? new Uint8Array(0)));
      offSeconds.push(seconds - (performance.now() - endMs) / 1000);
    },
  });
  const heard = await station.stream.next();
  assert.ok(heard.kind === "heard");
  station.stream.close();
  assert.ok(offSeconds.length >= 5, `${offSeconds.length} drafts`);
  // It comes at five times the speed of sound: each part tells that the first sound is older by 0.4 s.
  assert.ok(
    offSeconds.every((seconds) => Math.abs(seconds) < 0.5),
    offSeconds.join(", "),
  );
});

function leaveSound(
  writer: ReturnType<typeof createSetting>["setting"]["writer"],
  isSettled: boolean,
  clockAheadMs = 0,
): void {
  const endMs = Date.now() - LAST.sessionEndAgoMs;
  const segment = {
    timestampMs: endMs - 1000,
    isTimestampFromSource: true,
    durationSamples: LAST.durationSamples,
    loudness: undefined,
    audioData: new Uint8Array(100),
  };
  const point = {
    input: "mp3",
    endSample: 48_000,
    endSeconds: 1,
    endMs,
    isFound: isSettled,
    isSettled,
    heardMs: endMs,
    clockAheadMs,
  };
  const part = { endSeconds: 1, frames: new Uint8Array(0) };
  writer.append(segment, 48_000, { events: [], resume: { point, part, keepFromSeconds: 0 } });
}
