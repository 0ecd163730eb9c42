import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { AppError } from "../../src/core/app-error.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { CborSequenceReader } from "../../src/sync/cbor-reader.ts";
import { toCborSequence } from "../../src/sync/cbor-writer.ts";
import type { CborValue } from "../../src/sync/cbor.ts";
import { split } from "../support/sound.ts";

const ITEM_BYTES_MAX = 100_000;

const row = fc.record(
  {
    id: fc.maxSafeNat(),
    timestamp_ms: fc.maxSafeInteger(),
    text: fc.string({ unit: "grapheme" }),
    absent: fc.constant(undefined),
    audio: fc.uint8Array({ maxLength: 2000 }),
  },
  { requiredKeys: ["id", "audio"] },
);

function readAll(bytes: Uint8Array, lengths: readonly number[], itemBytesMax = ITEM_BYTES_MAX): CborValue[] {
  const reader = new CborSequenceReader({ itemBytesMax, roomBytes: 1000 });
  const items: CborValue[] = [];
  for (const chunk of split(bytes, lengths)) {
    reader.push(chunk);
    for (let next = reader.next(); next !== undefined; next = reader.next()) items.push(toOwn(next.item));
    reader.release();
  }
  assert.ok(reader.isWhole);
  return items;
}

/** What it was made of is used again for other rows. */
function toOwn(item: CborValue): CborValue {
  if (item instanceof Uint8Array) return Uint8Array.from(item);
  if (Array.isArray(item)) return item.map(toOwn);
  if (typeof item !== "object" || item === null) return item;
  return Object.fromEntries(Object.entries(item).map(([key, value]) => [key, toOwn(value)]));
}

test("rows come out as they went in, however they were cut into pieces", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 20 }), lengths, (rows, pieces) => {
      const bytes = toCborSequence(rows);
      const wanted = rows.map((item) =>
        Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)),
      );
      assert.deepEqual(readAll(bytes, pieces), wanted);
    }),
  );
});

/** RFC 8949, appendix A. */
const EXAMPLES: readonly (readonly [string, CborValue])[] = [
  ["00", 0],
  ["17", 23],
  ["1818", 24],
  ["1903e8", 1000],
  ["1a000f4240", 1_000_000],
  ["1b000000e8d4a51000", 1_000_000_000_000],
  ["20", -1],
  ["3903e7", -1000],
  ["f4", false],
  ["f5", true],
  ["f6", null],
  ["40", new Uint8Array(0)],
  ["4401020304", Uint8Array.of(1, 2, 3, 4)],
  ["62c3bc", undefined],
  ["62225c", '"\\'],
  ["80", []],
  ["8301820203820405", [1, [2, 3], [4, 5]]],
  ["a0", {}],
  ["a26161016162820203", { a: 1, b: [2, 3] }],
];

test("the examples of the standard are read", () => {
  for (const [hex, value] of EXAMPLES) {
    if (value === undefined) continue;
    assert.deepEqual(readAll(Uint8Array.fromHex(hex), [1]), [value], hex);
  }
});

test("what no row needs, and what is longer than it may be, is refused at once", () => {
  const tooLong = [toCborSequence([{ audio: new Uint8Array(200) }])];
  for (const [name, bytes] of Object.entries({
    "a tag": Uint8Array.fromHex("c000"),
    "a float": Uint8Array.fromHex("f90000"),
    "an array without a length": Uint8Array.fromHex("9f01ff"),
    "a string without a length": Uint8Array.fromHex("5f4101ff"),
    "a key that is a number": Uint8Array.fromHex("a10101"),
    "a key that is none in JavaScript": Uint8Array.fromHex(
      `a169${Buffer.from("__proto__").toString("hex")}a0`,
    ),
    "a text that is not UTF-8": Uint8Array.fromHex("61ff"),
    "a length of 2^63": Uint8Array.fromHex("5b8000000000000000"),
    "an array of a billion": Uint8Array.fromHex("9a3b9aca00"),
    "lists in lists": Uint8Array.fromHex("81".repeat(50)),
    "many lists": concatBytes([Uint8Array.fromHex("9903e8"), new Uint8Array(1000).fill(0x80)]),
    "more bytes than an item may have": concatBytes(tooLong).subarray(0, 20),
  })) {
    assert.throws(
      () => readAll(bytes, [1000], 150),
      (error) => error instanceof AppError && error.code === "corrupt",
      name,
    );
  }
});

test("whatever bytes come, they are items, or refused, or not whole", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const reader = new CborSequenceReader({ itemBytesMax: 1000, roomBytes: 10 });
      reader.push(bytes);
      try {
        while (reader.next() !== undefined);
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === "corrupt", String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("keys that are nearly those of the row before are told apart", () => {
  const rows = ["audio", "aidio", "audeo", "audio", "audo", "áudio"].map((key, index) => ({ [key]: index }));
  assert.deepEqual(readAll(toCborSequence(rows), [1000]), rows);
});

test("views of an item hold until it was released twice, though more comes", () => {
  const reader = new CborSequenceReader({ itemBytesMax: ITEM_BYTES_MAX, roomBytes: 1000 });
  const audio = new Uint8Array(50_000).fill(7);
  reader.push(toCborSequence([{ audio }]));
  const item = reader.next()?.item;
  const addMore = (): void => {
    for (let more = 0; more < 20; more++) {
      reader.push(toCborSequence([{ audio: new Uint8Array(50_000) }]));
      assert.ok(reader.next());
    }
  };
  addMore();
  assert.deepEqual(item, { audio });
  reader.release();
  addMore();
  assert.deepEqual(item, { audio });
});

test("to release when there was no item since changes nothing", () => {
  const reader = new CborSequenceReader({ itemBytesMax: ITEM_BYTES_MAX, roomBytes: 1_000_000 });
  const audio = new Uint8Array(50_000).fill(7);
  reader.push(toCborSequence([{ audio }]));
  const item = reader.next()?.item;
  for (let call = 0; call < 3; call++) reader.release();
  for (let more = 0; more < 10; more++) reader.push(toCborSequence([{ audio: new Uint8Array(50_000) }]));
  assert.deepEqual(item, { audio });
});
