import assert from "node:assert/strict";
import { before, test } from "node:test";

import * as fc from "fast-check";

import { createCutter } from "../../src/audio/create-cutter.ts";
import { FIRST_CUT, type CutPiece } from "../../src/audio/cutter.ts";
import { countDecodedSamples } from "../../src/audio/decode.ts";
import { toDurationSamples } from "../../src/audio/duration.ts";
import { parseOggPage } from "../../src/audio/ogg-page.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { AUDIO_FORMATS, type AudioFormat, type ShowFormat } from "../../src/core/show.ts";
import { encodeTone, split, toStream } from "../support/sound.ts";

const SECONDS = 11;
const encoded: Record<AudioFormat, Uint8Array> = {
  opus: new Uint8Array(0),
  aac: new Uint8Array(0),
  wav: new Uint8Array(0),
};

before(async () => {
  const tone = { startMs: 0, seconds: SECONDS };
  encoded.opus = await encodeTone(tone, "-c:a libopus -b:a 24k -page_duration 20000 -f ogg");
  encoded.aac = await encodeTone(tone, "-c:a aac -b:a 32k -f adts");
  encoded.wav = await encodeTone(tone, "-c:a pcm_s16le -f s16le");
});

for (const audioFormat of AUDIO_FORMATS) {
  test(`${audioFormat}: segments put together decode to the sum of their durations`, async () => {
    const segments = cut(audioFormat, 2, [1000]);
    const bytes = concatBytes(segments.map((segment) => segment.audioData));
    const decoded = await countDecodedSamples(audioFormat, toStream(bytes), AbortSignal.timeout(10_000));
    assert.equal(
      decoded,
      segments.reduce((sum, segment) => sum + segment.durationSamples, 0),
    );
    assert.ok(decoded >= SECONDS * 48_000, "nothing was lost");
  });

  test(`${audioFormat}: overruns of the interval never add up`, () => {
    const pieces = cut(audioFormat, 2, [4096]);
    const starts = pieces.filter((_, index) => index === 0 || pieces[index - 1]?.isSegmentEnd === true);
    assert.ok(starts.length >= 5);
    for (const [index, piece] of starts.entries()) {
      const overrun = piece.startSample - index * 2 * 48_000;
      assert.ok(overrun >= 0 && overrun < 1024, `segment ${index} begins ${overrun} samples late`);
    }
  });

  test(`${audioFormat}: no piece is longer than half a second and a packet`, () => {
    for (const piece of cut(audioFormat, 2, [4096])) assert.ok(piece.durationSamples < 24_000 + 1024);
  });

  test(`${audioFormat}: how the encoder's bytes arrive makes no difference`, () => {
    const whole = cut(audioFormat, 3, [1_000_000]).map(toShape);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 }), (lengths) => {
        assert.deepEqual(cut(audioFormat, 3, lengths).map(toShape), whole);
      }),
      { numRuns: 20 },
    );
  });

  test(`${audioFormat}: a segment's duration can be read from its bytes`, () => {
    for (const segment of cut(audioFormat, 2, [4096])) {
      assert.equal(toDurationSamples(audioFormat, 1, segment.audioData), segment.durationSamples);
    }
  });
}

test("opus: pages are whole inside a row, number on, hold about half a second, and the last ends the stream", () => {
  const segments = cut("opus", 2, [4096]);
  let sequence = 0;
  let position = 0;
  let isLast = false;
  for (const { audioData } of segments) {
    for (let offset = 0; offset < audioData.length;) {
      const page = parseOggPage(audioData, offset);
      assert.ok(page?.isCrcRight === true, `no page at ${offset}`);
      assert.equal(page.sequence, sequence++);
      assert.ok(page.granulePosition - position <= 24_000 + 960);
      assert.equal(isLast, false, "nothing follows the last page");
      ({ isLast, granulePosition: position } = page);
      offset += page.pageBytes;
    }
  }
  assert.equal(isLast, true);
});

test("a session in which nothing was encoded has no segment", () => {
  for (const audioFormat of AUDIO_FORMATS)
    assert.deepEqual(createCutter(toFormat(audioFormat, 2), FIRST_CUT).end(), []);
});

function cut(audioFormat: AudioFormat, splitIntervalSeconds: number, lengths: readonly number[]): CutPiece[] {
  const cutter = createCutter(toFormat(audioFormat, splitIntervalSeconds), FIRST_CUT);
  const segments = [...split(encoded[audioFormat], lengths)].flatMap((piece) => cutter.push(piece));
  return [...segments, ...cutter.end()];
}

function toFormat(audioFormat: AudioFormat, splitIntervalSeconds: number): ShowFormat {
  return { audioFormat, bitrateKbps: 24, channels: 1, splitIntervalSeconds };
}

function toShape(segment: CutPiece): number[] {
  return [segment.startSample, segment.durationSamples, segment.audioData.length];
}
