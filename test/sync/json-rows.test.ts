import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { AppError } from "../../src/core/app-error.ts";
import { JsonRowReader } from "../../src/sync/json-rows.ts";
import { split } from "../support/sound.ts";

const ITEM_BYTES_MAX = 100_000;

const lengths = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 8 });

function read(bytes: Uint8Array, pieces: readonly number[]): { items: unknown[]; isWhole: boolean } {
  const reader = new JsonRowReader({ itemBytesMax: ITEM_BYTES_MAX, roomBytes: 1000 });
  const items: unknown[] = [];
  for (const chunk of split(bytes, pieces)) {
    reader.push(chunk);
    for (let next = reader.next(); next !== undefined; next = reader.next()) items.push(next.item);
    reader.release();
  }
  return { items, isWhole: reader.isWhole };
}

function readText(text: string, pieces: readonly number[] = [7]): { items: unknown[]; isWhole: boolean } {
  return read(new TextEncoder().encode(text), pieces);
}

test("rows come out as they went in, however they were written and cut into pieces", () => {
  const row = fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 8 });
  const space = fc.constantFrom(undefined, 1, "\t");
  fc.assert(
    fc.property(fc.array(row, { maxLength: 12 }), space, lengths, (rows, indent, pieces) => {
      const text = JSON.stringify(rows, undefined, indent);
      assert.deepEqual(readText(text, pieces), { items: JSON.parse(text), isWhole: true });
    }),
  );
});

test("rows that came whole are there before the rest has come", () => {
  assert.deepEqual(readText('[{"id":1},{"id":2},{"id"'), { items: [{ id: 1 }, { id: 2 }], isWhole: false });
  assert.deepEqual(readText('[{"a":"}]"},{"a":"\\\\"},{"a":"\\"}"}'), {
    items: [{ a: "}]" }, { a: "\\" }, { a: '"}' }],
    isWhole: false,
  });
  assert.deepEqual(readText(" [ ] \n"), { items: [], isWhole: true });
});

for (const [name, text] of Object.entries({
  "a page": "<html>",
  "an object": '{"rows":[]}',
  "a list of lists": "[[1]]",
  "a list of numbers": "[1,2]",
  "something behind the list": "[{}] x",
  "a second list": "[{}][{}]",
  "rows without a comma": "[{}{}]",
  "commas without a row": "[,{}]",
  "a comma too many": "[{},]",
  "a row that is no JSON": "[{id:1}]",
  "a row that ends as a list": '[{"a":1]',
  "a row with too many values": `[{"a":[${"[],".repeat(2000)}[]]}]`,
  "a row that is too long": `[{"a":"${"x".repeat(ITEM_BYTES_MAX)}`,
})) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => readText(text, [10_000]),
      (error) => error instanceof AppError && error.code === "corrupt",
    );
  });
}

test("whatever bytes come, they are rows, or refused, or not whole", () => {
  const marks = fc
    .array(fc.constantFrom("[", "]", "{", "}", '"', ",", ":", "\\", " ", "a", "1"), { maxLength: 40 })
    .map((chars) => chars.join(""));
  fc.assert(
    fc.property(marks, lengths, (text, pieces) => {
      try {
        const { items, isWhole } = readText(text, pieces);
        if (isWhole) assert.equal(items.length > 0, JSON.stringify(items) !== "[]");
      } catch (error) {
        assert.ok(error instanceof AppError, String(error));
        assert.throws(() => requireRows(text));
      }
    }),
    { numRuns: 2000 },
  );
});

/** What is refused is no list of objects for anybody else either. */
function requireRows(text: string): void {
  const value: unknown = JSON.parse(text);
  if (
    !Array.isArray(value) ||
    value.some((row) => row === null || Array.isArray(row) || typeof row !== "object")
  )
    throw new TypeError("no rows");
}
