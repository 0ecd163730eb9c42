import assert from "node:assert/strict";
import { before, test } from "node:test";

import { createCutter } from "../../src/audio/create-cutter.ts";
import { type CutPiece, FIRST_CUT } from "../../src/audio/cutter.ts";
import { decodeToPcm } from "../../src/audio/decode.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { AUDIO_FORMATS, type AudioFormat } from "../../src/core/show.ts";
import { PageChecker } from "../../src/playback/check-pages.ts";
import { collect, encodeTone, split, toStream } from "../support/sound.ts";

const SECONDS = 12;
const SIGNAL = AbortSignal.timeout(60_000);
const ARGS = { opus: "-c:a libopus -b:a 64k -f ogg", aac: "-c:a aac -f adts", wav: "-f s16le" } as const;

/** A decoder that begins in the middle of AAC cannot know the half of the frame before that overlaps its first. */
const STRANGE_SAMPLES = { opus: 0, aac: 1024, wav: 0 } as const;

/** In dBFS. AAC fills quiet bands with noise, which is another one in every decoder. */
const DIFFERENCE_MAX = { opus: -66, aac: -55, wav: -Infinity } as const;

const encoded: Record<AudioFormat, Uint8Array> = {
  opus: new Uint8Array(0),
  aac: new Uint8Array(0),
  wav: new Uint8Array(0),
};

before(async () => {
  for (const format of AUDIO_FORMATS) {
    encoded[format] = await encodeTone({ startMs: 0, seconds: SECONDS }, ARGS[format]);
  }
});

for (const audioFormat of AUDIO_FORMATS) {
  for (const heldPieces of [0, 1, 7]) {
    test(`${audioFormat}: a session that begins ${heldPieces} pieces back sounds as if it had not`, async () => {
      const sessions = cutTwice(audioFormat, heldPieces);
      const whole = await decode(audioFormat, cutTwice(audioFormat, undefined).flat());
      const parts: Int16Array[] = [];
      for (const pieces of sessions) {
        const samples = pieces.reduce((sum, piece) => sum + piece.durationSamples, 0);
        parts.push(await decode(audioFormat, pieces));
        assert.equal(parts.at(-1)?.length, samples, "it decodes to the sum of its durations");
      }
      const joined = parts.flatMap((part) => [...part]);
      assert.equal(joined.length, whole.length);
      const seam = sessions[1]?.[0]?.startSample ?? 0;
      assert.equal(seam, parts[0]?.length);
      let worst = 0;
      for (const [index, sample] of joined.entries()) {
        if (index >= seam && index < seam + STRANGE_SAMPLES[audioFormat]) continue;
        worst = Math.max(worst, Math.abs(sample - (whole[index] ?? 0)));
      }
      const decibels = 20 * Math.log10(worst / 32_768);
      assert.ok(
        decibels <= DIFFERENCE_MAX[audioFormat],
        `the worst sample is off by ${decibels.toFixed(0)} dBFS`,
      );
    });
  }
}

test("a piece ends where it was told to", () => {
  for (const audioFormat of AUDIO_FORMATS) {
    const cutter = createCutter(
      { audioFormat, bitrateKbps: 64, channels: 1, splitIntervalSeconds: 4 },
      FIRST_CUT,
    );
    cutter.splitAt(100_000);
    const pieces = [...split(encoded[audioFormat], [3000])].flatMap((chunk) => cutter.push(chunk));
    const starts = pieces.map((piece) => piece.startSample);
    assert.ok(
      starts.some((start) => start >= 100_000 && start < 101_024),
      starts.join(", "),
    );
  }
});

test("opus: a session that begins again where its recording begins, within a packet, keeps every sample", async () => {
  const format = { audioFormat: "opus", bitrateKbps: 64, channels: 1, splitIntervalSeconds: 2 } as const;
  const cutter = createCutter(format, { startSample: 100_000, preRollSamples: 9100 });
  const pieces = cutter.push(encoded.opus.subarray(0, 30_000));
  await assertWhole([...cutter.restart(pieces), ...cutter.end()]);
});

test("opus: a session may begin where a piece was told to end, however much came behind it at once", async () => {
  const format = { audioFormat: "opus", bitrateKbps: 64, channels: 1, splitIntervalSeconds: 2 } as const;
  const cutter = createCutter(format, FIRST_CUT);
  cutter.splitAt(48_000);
  const pieces = cutter.push(encoded.opus);
  const endSample = pieces.reduce((sum, piece) => sum + piece.durationSamples, 0);
  const held = pieces.filter((piece) => piece.startSample >= 48_000);
  const again = [...cutter.restart(held), ...cutter.end()];
  await assertWhole(again);
  const samples = again.reduce((sum, piece) => sum + piece.durationSamples, 0);
  assert.ok(samples >= endSample - (held[0]?.startSample ?? 0), "nothing is left out");
});

/** The pieces of a session are a stream whose positions are right, and that decodes to what they say. */
async function assertWhole(pieces: readonly CutPiece[]): Promise<void> {
  const audioData = concatBytes(pieces.map((piece) => piece.audioData));
  const durationSamples = pieces.reduce((sum, piece) => sum + piece.durationSamples, 0);
  const row = { id: 1, timestampMs: 0, isTimestampFromSource: true, durationSamples, crc32: 0, audioData };
  assert.deepEqual(new PageChecker().check(row), []);
  assert.equal((await decode("opus", pieces)).length, durationSamples);
}

/** The pieces of two sessions, the second of which begins some pieces before the sixth second; or of one. */
function cutTwice(audioFormat: AudioFormat, heldPieces: number | undefined): CutPiece[][] {
  const cutter = createCutter(
    { audioFormat, bitrateKbps: 64, channels: 1, splitIntervalSeconds: 2 },
    FIRST_CUT,
  );
  const first: CutPiece[] = [];
  let second: CutPiece[] | undefined;
  for (const chunk of split(encoded[audioFormat], [700])) {
    (second ?? first).push(...cutter.push(chunk));
    if (second !== undefined || heldPieces === undefined || (first.at(-1)?.startSample ?? 0) < 6 * 48_000)
      continue;
    const held = first.splice(first.length - heldPieces);
    second = cutter.restart(held);
    assert.equal(second[0]?.isSessionStart ?? true, true);
  }
  (second ?? first).push(...cutter.end());
  assert.deepEqual(
    first.map((piece) => piece.isSessionStart),
    first.map((_, index) => index === 0),
  );
  return second === undefined ? [first] : [first, second];
}

async function decode(audioFormat: AudioFormat, pieces: readonly CutPiece[]): Promise<Int16Array> {
  const bytes = concatBytes(pieces.map((piece) => piece.audioData));
  const pcm = await collect(decodeToPcm(audioFormat, toStream(bytes), SIGNAL));
  return new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2);
}
