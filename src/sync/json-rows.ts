import { AppError, toReason } from "../core/app-error.ts";
import { ByteWindow } from "./byte-window.ts";
import type { RowReader, RowReaderBounds } from "./row-reader.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const ARRAY_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;
const BYTE_ORDER_MARK: readonly number[] = [0xef, 0xbb, 0xbf];
const BLANK: readonly number[] = [...Buffer.from(" \t\r\n")];

/** A row has eight values, and unknown ones may come; a megabyte of empty lists would be far more memory than that. */
const VALUES_MAX = 1000;

/** Where in the answer the next byte is: before the array, at its beginning, within a row, behind a row, behind a comma, behind the array. */
type Place = "before" | "first" | "row" | "next" | "comma" | "behind";

/** What may come where there is no row, and where one is then. */
const STEPS: Readonly<Record<Exclude<Place, "row">, Readonly<Record<number, Place>>>> = {
  before: { [ARRAY]: "first" },
  first: { [OBJECT]: "row", [ARRAY_END]: "behind" },
  next: { [COMMA]: "comma", [ARRAY_END]: "behind" },
  comma: { [OBJECT]: "row" },
  behind: {},
};

/**
 * Cuts a JSON array (RFC 8259) of objects into them as its bytes come, so that what came whole before an answer breaks off can be kept.
 * Throws `corrupt` for what is no such array, and for an item of more than `itemBytesMax`.
 */
export class JsonRowReader implements RowReader {
  readonly #window: ByteWindow;
  readonly #itemBytesMax: number;
  #place: Place = "before";
  /** How far the window has been looked through, and what of a row is open there. */
  #offset = 0;
  #rowOffset = 0;
  #depth = 0;
  #values = 0;
  #isInText = false;

  constructor({ itemBytesMax, roomBytes }: RowReaderBounds) {
    this.#itemBytesMax = itemBytesMax;
    this.#window = new ByteWindow({ roomBytes, isShared: false });
  }

  get isWhole(): boolean {
    return this.#place === "behind";
  }

  push(chunk: Uint8Array): void {
    this.#window.push(chunk);
  }

  next(): { item: unknown } | undefined {
    const bytes = this.#window.peek();
    while (this.#offset < bytes.length) {
      if (this.#isInText) this.#skipText(bytes);
      else if (this.#read(bytes[this.#offset++] ?? 0)) return { item: this.#takeRow(bytes) };
    }
    if (this.#place !== "row") this.#consume();
    if (this.#offset - this.#rowOffset <= this.#itemBytesMax) return undefined;
    throw toCorrupt(`a row of more than ${this.#itemBytesMax} bytes`);
  }

  release(): void {
    this.#window.release();
  }

  /** Whether this byte ends a row. */
  #read(byte: number): boolean {
    if (this.#place === "row") return this.#readWithin(byte);
    if (BLANK.includes(byte)) return false;
    if (this.#place === "before" && BYTE_ORDER_MARK.includes(byte)) return false;
    const place = STEPS[this.#place][byte];
    if (place === undefined) throw toCorrupt("no JSON array of rows");
    if (place === "row") this.#beginRow();
    this.#place = place;
    return false;
  }

  #beginRow(): void {
    this.#rowOffset = this.#offset - 1;
    this.#depth = 1;
    this.#values = 0;
  }

  #readWithin(byte: number): boolean {
    const isOpening = byte === OBJECT || byte === ARRAY;
    if (byte === QUOTE) this.#isInText = true;
    else if (isOpening) this.#depth++;
    else if (byte === OBJECT_END || byte === ARRAY_END) this.#depth--;
    if ((byte === COMMA || isOpening) && ++this.#values > VALUES_MAX) {
      throw toCorrupt("a row that has too many values");
    }
    return this.#depth === 0;
  }

  /** To behind the quotation mark that ends a text, or as far as it has come. */
  #skipText(bytes: Uint8Array): void {
    const quote = bytes.indexOf(QUOTE, this.#offset);
    this.#offset = quote === -1 ? bytes.length : quote + 1;
    if (quote === -1) return;
    let escapes = 0;
    while (bytes[quote - 1 - escapes] === BACKSLASH) escapes++;
    this.#isInText = escapes % 2 === 1;
  }

  #takeRow(bytes: Uint8Array): unknown {
    const text = new TextDecoder().decode(bytes.subarray(this.#rowOffset, this.#offset));
    this.#consume();
    this.#place = "next";
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new AppError("corrupt", `the sender sent a row that is no JSON: ${toReason(error)}`, {
        cause: error,
      });
    }
  }

  #consume(): void {
    this.#window.consume(this.#offset);
    this.#offset = 0;
    this.#rowOffset = 0;
  }
}

function toCorrupt(what: string): AppError {
  return new AppError("corrupt", `the sender sent ${what}`);
}
