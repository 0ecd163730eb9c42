import assert from "node:assert/strict";
import { before, test } from "node:test";

import * as fc from "fast-check";

import { FrameParser } from "../../src/audio/frame-parser.ts";
import { findJoin, type Join } from "../../src/record/find-join.ts";
import { encodeTone } from "../support/sound.ts";

/** Frames of a steady tone repeat each other after a while; those of noise never do. */
const NOISE = "-af aeval=random(0)-0.5";

let frames: readonly Uint8Array[] = [];
const SILENT = Uint8Array.of(0xff, 0xfb, 0x90, 0);

before(async () => {
  const parser = new FrameParser("mp3");
  const parsed = parser.push(
    await encodeTone({ startMs: 0, seconds: 30 }, `${NOISE} -c:a libmp3lame -b:a 64k -write_xing 0 -f mp3`),
  );
  frames = parsed.map((frame) => frame.bytes);
});

function find(held: readonly Uint8Array[], fresh: readonly Uint8Array[], newFramesExpected = 0): Join {
  return findJoin({ held, fresh, newFramesExpected, toleranceFrames: 20, arePages: false });
}

test("a burst that contains the last frames held goes on exactly behind them", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 200, max: 600 }),
      fc.integer({ min: 0, max: 100 }),
      fc.integer({ min: 5, max: 150 }),
      (heldEnd, away, burst) => {
        const freshStart = Math.max(0, heldEnd + away - burst);
        const fresh = frames.slice(freshStart, heldEnd + away);
        const join = find(frames.slice(0, heldEnd), fresh, away);
        if (freshStart + 4 <= heldEnd)
          assert.deepEqual(join, { kind: "certain", skip: heldEnd - freshStart });
        else if (freshStart >= heldEnd && fresh.length > 0) assert.equal(join.kind, "none");
      },
    ),
    { numRuns: 300 },
  );
});

test("a burst that begins before the history is joined as well", () => {
  const join = find(frames.slice(100, 200), frames.slice(0, 220));
  assert.deepEqual(join, { kind: "certain", skip: 200 });
});

test("while the burst has not reached the end of the history, it is open", () => {
  assert.deepEqual(find(frames.slice(0, 200), frames.slice(150, 180)), { kind: "open" });
  assert.deepEqual(find(frames.slice(0, 200), []), { kind: "open" });
});

test("another stream is none", () => {
  assert.deepEqual(find(frames.slice(0, 200), frames.slice(400, 500)), { kind: "none" });
});

test("a false frame at the start of a connection does no harm", () => {
  const fresh = [Uint8Array.of(1, 2, 3), ...frames.slice(150, 260)];
  assert.deepEqual(find(frames.slice(0, 200), fresh), { kind: "certain", skip: 51 });
});

test("in silence the time away decides, and is told to be no proof", () => {
  const held = Array.from({ length: 300 }, () => SILENT);
  const fresh = Array.from({ length: 120 }, () => SILENT);
  assert.deepEqual(find(held, fresh, 30), { kind: "likely", skip: 90 });
});

test("silence that ends inside the burst is placed by the time away, not by the longest overlap", () => {
  const silence = Array.from({ length: 100 }, () => SILENT);
  const held = [...frames.slice(0, 50), ...silence];
  const fresh = [...silence.slice(0, 60), ...frames.slice(50, 90)];
  assert.equal(find(held, fresh, 40).kind, "likely");
});

test("a damaged frame inside the overlap is no match", () => {
  const fresh = frames.slice(150, 260).map((frame, index) => (index === 20 ? Uint8Array.of(0) : frame));
  assert.equal(find(frames.slice(0, 200), fresh).kind, "none");
});

test("a minute of dead air with little sound in it is joined by that sound and the time away", () => {
  const silence = new Uint8Array(9);
  const held = Array.from({ length: 3000 }, (_, index) => (index === 2000 ? new Uint8Array([1]) : silence));
  for (let index = 2500; index < 2504; index++) held[index] = new Uint8Array([2, index - 2500]);
  const fresh = [...held.slice(1500), ...Array.from({ length: 40 }, () => silence)];
  const join = findJoin({ held, fresh, newFramesExpected: 42, toleranceFrames: 10, arePages: false });
  assert.deepEqual(join, { kind: "likely", skip: 1500 });
});

test("dead air that begins after the held frames end is late, however much more of it comes", () => {
  const held = Array.from({ length: 50 }, () => SILENT);
  for (const freshFrames of [6, 60, 120]) {
    const fresh = Array.from({ length: freshFrames }, () => SILENT);
    assert.equal(find(held, fresh, freshFrames + 21).kind, "late");
    assert.equal(find(held, fresh, freshFrames + 10).kind, "likely");
  }
});

test("a frame of silence at both ends is alike by chance, and makes no proof doubtful", () => {
  const held = [...frames.slice(0, 50), SILENT, ...frames.slice(50, 90), SILENT];
  const fresh = [SILENT, ...frames.slice(50, 90), SILENT, ...frames.slice(90, 150)];
  assert.deepEqual(find(held, fresh, 60), { kind: "certain", skip: 42 });
});

test("sound that was played twice proves nothing", () => {
  const jingle = frames.slice(0, 10);
  const held = [...frames.slice(100, 150), ...jingle, ...jingle];
  assert.deepEqual(find(held, [...jingle, ...jingle, ...jingle, ...frames.slice(200, 220)], 30), {
    kind: "likely",
    skip: 20,
  });
});

test("an overlap that is nearly proved is waited for, though a frame of silence is alike by chance", () => {
  const held = [...frames.slice(0, 200), SILENT];
  const fresh = [SILENT, ...frames.slice(100, 190)];
  assert.deepEqual(find([...held.slice(0, 100), ...fresh.slice(0, 1), ...held.slice(100)], fresh, 200), {
    kind: "open",
  });
});
