import assert from "node:assert/strict";
import { before, test } from "node:test";

import * as fc from "fast-check";

import { parseAdtsHeader } from "../../src/audio/adts-header.ts";
import { detectFormat } from "../../src/audio/detect-format.ts";
import { FrameParser } from "../../src/audio/frame-parser.ts";
import { type FrameFormat, toSeconds } from "../../src/audio/frame.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { encodeTone, split } from "../support/sound.ts";

const streams: Record<FrameFormat, Uint8Array> = { mp3: new Uint8Array(0), aac: new Uint8Array(0) };
const FORMATS = ["mp3", "aac"] as const;

before(async () => {
  const tone = { startMs: 0, seconds: 3 };
  streams.mp3 = await encodeTone(tone, "-c:a libmp3lame -b:a 64k -write_xing 0 -id3v2_version 0 -f mp3");
  streams.aac = await encodeTone(tone, "-c:a aac -b:a 64k -f adts");
});

for (const format of FORMATS) {
  test(`${format}: a clean stream comes out as it went in, however it was cut into pieces`, () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 8 }), (lengths) => {
        const parser = new FrameParser(format);
        const parts = [...split(streams[format], lengths)].map((piece) => parser.push(piece));
        const out = concatBytes([...parts, parser.end()].flat().map((frame) => frame.bytes));
        assert.deepEqual(out, streams[format]);
        assert.equal(parser.skippedBytes, 0);
      }),
      { numRuns: 50 },
    );
  });

  test(`${format}: frames around garbage are kept, the garbage is not, whatever it is`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 4000 }), fc.nat(), (garbage, place) => {
        const stream = streams[format];
        const at = place % stream.length;
        const parser = new FrameParser(format);
        const parts = [stream.subarray(0, at), garbage, stream.subarray(at)].map((piece) =>
          parser.push(piece),
        );
        const frames = [...parts, parser.end()];
        const count = frames.reduce((sum, part) => sum + part.length, 0);
        const clean = countFrames(format, stream);
        // The frame that is torn is lost, and at most the one before and after it.
        assert.ok(count >= clean - 3 && count <= clean + 1, `${count} of ${clean} frames`);
      }),
      { numRuns: 200 },
    );
  });

  test(`${format}: the length of the sound is told`, () => {
    const parser = new FrameParser(format);
    const seconds = toSeconds([...parser.push(streams[format]), ...parser.end()]);
    assert.ok(Math.abs(seconds - 3) < 0.1, `${seconds} s`);
    assert.equal(parser.shape?.sampleRate, 48_000);
  });

  test(`${format}: the format is told from any place of the stream`, () => {
    for (const at of [0, 1, 17, 777, 5000]) {
      assert.equal(detectFormat(streams[format].subarray(at, at + 8192)), format);
    }
  });
}

test("what seems to be a header of a frame of 7 KiB, in the middle of another frame, holds nothing back", () => {
  const parser = new FrameParser("aac");
  const stream = streams.aac;
  const falseHeader = Uint8Array.of(0xff, 0xf1, 0xd7, 0x7b, 0x55, 0x55, 0x55);
  const second = nextFrameStart(stream, 0);
  parser.push(concatBytes([falseHeader, stream.subarray(30, second)]));
  const frames = parser.push(stream.subarray(second, second + 2500));
  assert.deepEqual(frames[0]?.bytes, stream.subarray(second, nextFrameStart(stream, second)));
  assert.equal(parser.skippedBytes, falseHeader.length + second - 30);
  const rest = [...frames, ...parser.push(stream.subarray(second + 2500)), ...parser.end()];
  assert.deepEqual(concatBytes(rest.map((frame) => frame.bytes)), stream.subarray(second));
});

test("mp3: what seems to be a header of a frame that ends where a real one does hides no frames", () => {
  // Frames of 64 kbit/s have 192 bytes: one of 224 kbit/s is three of them and a half.
  const falseFrame = Uint8Array.from(streams.mp3.subarray(0, 96)).fill(0x55, 4);
  falseFrame[2] = 0xc4;
  checkAllHeard("mp3", falseFrame);
});

test("aac: what seems to be a header of a frame that ends where a real one does hides no frames", () => {
  const stream = streams.aac;
  let end = 0;
  for (let frames = 0; frames < 4; frames++) end = nextFrameStart(stream, end);
  const falseFrame = Uint8Array.from(stream.subarray(0, 40)).fill(0x55, 7);
  const length = falseFrame.length + end;
  falseFrame.set([(stream[3] ?? 0) & 0xfc, length >> 3, ((length & 7) << 5) | 0x1f], 3);
  checkAllHeard("aac", falseFrame);
});

test("a page of HTML, silence and noise are no stream", () => {
  assert.equal(detectFormat(new TextEncoder().encode("<html>not found</html>".repeat(100))), undefined);
  assert.equal(detectFormat(new Uint8Array(8192)), undefined);
  assert.equal(detectFormat(new Uint8Array(8192).fill(0xff)), undefined);
});

test("a last frame that is cut off is not passed on", () => {
  const parser = new FrameParser("mp3");
  const bytes = streams.mp3.subarray(0, streams.mp3.length - 10);
  const frames = [parser.push(bytes), parser.end()];
  const count = frames.reduce((sum, part) => sum + part.length, 0);
  assert.equal(count, countFrames("mp3", streams.mp3) - 1);
});

/** A parser that is given a false frame and then a stream finds nothing but the stream. */
function checkAllHeard(format: FrameFormat, falseFrame: Uint8Array): void {
  const parser = new FrameParser(format);
  const frames = [...parser.push(concatBytes([falseFrame, streams[format]])), ...parser.end()];
  assert.deepEqual(concatBytes(frames.map((frame) => frame.bytes)), streams[format]);
  assert.equal(parser.skippedBytes, falseFrame.length);
}

/** Where the frame ends that begins at `offset` of an ADTS stream. */
function nextFrameStart(stream: Uint8Array, offset: number): number {
  return offset + (parseAdtsHeader(stream, offset)?.frameBytes ?? 0);
}

function countFrames(format: FrameFormat, stream: Uint8Array): number {
  const parser = new FrameParser(format);
  return parser.push(stream).length + parser.end().length;
}
