import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { concatBytes } from "../../src/core/concat-bytes.ts";
import { IcyDemuxer, parseIcyTitle } from "../../src/record/icy-demuxer.ts";
import { split } from "../support/sound.ts";

const INTERVAL = 100;

test("titles come out and audio stays whole, however the bytes arrive", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("", "one", "Ólafur Arnalds – Re:member"), { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 }),
      (titles, lengths) => {
        const audio = Uint8Array.from({ length: INTERVAL * titles.length }, (_, index) => index & 255);
        const stream = titles.map((title, index) =>
          concatBytes([audio.subarray(index * INTERVAL, (index + 1) * INTERVAL), toBlock(title)]),
        );
        const demuxer = new IcyDemuxer(INTERVAL);
        const parts = [...split(concatBytes(stream), lengths)].map((piece) => demuxer.push(piece));
        assert.deepEqual(concatBytes(parts.map((part) => part.audio)), audio);
        assert.deepEqual(
          parts.flatMap((part) => part.titles),
          titles.filter((title) => title !== ""),
        );
      },
    ),
  );
});

test("titles are read as UTF-8 or else Latin-1, with quotes in them, without control characters", () => {
  const parse = (text: string): string | undefined => parseIcyTitle(Buffer.from(text, "latin1"));
  assert.equal(parse("StreamTitle='Bj\xf6rk';\0\0"), "Björk");
  assert.equal(parse("StreamTitle='It's 5 o'clock';StreamUrl='';"), "It's 5 o'clock");
  assert.equal(parse("StreamTitle='a\x1b[2Jb';"), "a [2Jb");
  assert.equal(parse("StreamUrl='x';"), undefined);
  assert.equal(parse(`StreamTitle='${"x".repeat(3000)}';`)?.length, 500);
});

function toBlock(title: string): Uint8Array {
  if (title === "") return Uint8Array.of(0);
  const text = new TextEncoder().encode(`StreamTitle='${title}';`);
  const blocks = Math.ceil(text.length / 16);
  const block = new Uint8Array(1 + blocks * 16);
  block[0] = blocks;
  block.set(text, 1);
  return block;
}
