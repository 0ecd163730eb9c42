import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameParser } from "../../src/audio/frame-parser.ts";
import { toSeconds } from "../../src/audio/frame.ts";
import { packFrames } from "../../src/record/pack-frames.ts";
import { runRecording } from "../../src/record/run-recording.ts";
import { startStation } from "../../src/station/station.ts";
import { readSessions } from "../support/measure.ts";
import { createSetting } from "../support/recording.ts";
import { readEvents } from "../support/sender-database.ts";
import { encodeTone } from "../support/sound.ts";
import { tempDir } from "../support/temp-dir.ts";

const MP3 = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 } as const;
const OUTAGE_MS = 600_000;
const REST_SECONDS = 4;

test("a recorder that was killed behind an outage, before it encoded anything, leaves the sound and the gap before it", async () => {
  using dir = tempDir();
  await using station = await startStation({ mounts: [{ ...MP3, path: "/a", burstBytes: 0 }] });
  const show = { name: "a", urls: [station.url("/a")], audioFormat: "opus" } as const;
  const { setting, path, close } = createSetting(dir.path, show);
  // A minute ago, so that no burst could be joined.
  const restMs = Date.now() - 65_000;
  const tone = { startMs: restMs, seconds: REST_SECONDS, sampleRate: 44_100, channels: 2 };
  const frames = new FrameParser("mp3").push(
    await encodeTone(tone, "-b:a 128k -write_xing 0 -id3v2_version 0 -f mp3"),
  );
  const heardMs = restMs + REST_SECONDS * 1000;
  setting.writer.savePieces([], {
    events: [],
    resume: {
      point: {
        input: "mp3",
        endSample: 0,
        endSeconds: 0,
        endMs: restMs,
        isFound: true,
        isSettled: true,
        heardMs,
        clockAheadMs: 0,
      },
      part: { endSeconds: toSeconds(frames), frames: packFrames(frames) },
      keepFromSeconds: 0,
    },
  });
  setting.gaps.open({ startMs: restMs - OUTAGE_MS, reason: "connect-failed", detail: "" });
  await runRecording(setting, { opened: undefined, soundEndMs: undefined }, AbortSignal.timeout(3000));
  close();
  const [rest] = readSessions(path);
  assert.equal(rest?.rows[0]?.timestampMs, restMs);
  assert.ok((rest?.durationSamples ?? 0) > (REST_SECONDS - 0.2) * 48_000);
  const gaps: { start_ms: number; end_ms: number; reason: string }[] = readEvents(path)
    .filter(({ kind }) => kind === "gap")
    .map(({ data }) => JSON.parse(JSON.stringify(data)));
  assert.deepEqual(gaps.slice(0, 1), [
    { start_ms: restMs - OUTAGE_MS, end_ms: restMs, reason: "connect-failed", detail: "" },
  ]);
  const endMs = restMs + (rest?.durationSamples ?? 0) / 48;
  assert.ok(Math.abs((gaps[1]?.start_ms ?? 0) - endMs) < 30, "and the next one begins where the sound ends");
});
