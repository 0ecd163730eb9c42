import assert from "node:assert/strict";
import { test } from "node:test";

import { runRecording } from "../../src/record/run-recording.ts";
import { startStation } from "../../src/station/station.ts";
import { readSessions } from "../support/measure.ts";
import { createSetting } from "../support/recording.ts";
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
    // A recorder that was killed before it stored anything.
    setting.writer.forgetTail();
    await runRecording(setting, { opened: undefined, soundEndMs: undefined }, AbortSignal.timeout(LISTEN_MS));
    close();
    const heldSeconds = (readSessions(path).at(-1)?.durationSamples ?? 0) / 48_000;
    const isTrimmed = heldSeconds < LISTEN_MS / 1000 + 1;
    assert.equal(isTrimmed, isSettled, `${heldSeconds} s are held`);
  });
}

function leaveSound(writer: ReturnType<typeof createSetting>["setting"]["writer"], isSettled: boolean): void {
  const endMs = Date.now() - LAST.sessionEndAgoMs;
  const segment = {
    timestampMs: endMs - 1000,
    isTimestampFromSource: true,
    durationSamples: LAST.durationSamples,
    loudness: undefined,
    audioData: new Uint8Array(100),
  };
  const point = { input: "mp3", endSample: 48_000, endSeconds: 1, endMs, isSettled, heardMs: endMs };
  const part = { endSeconds: 1, frames: new Uint8Array(0) };
  writer.append(segment, 48_000, { events: [], resume: { point, part, keepFromSeconds: 0 } });
}
