import { AppError } from "../core/app-error.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import { ByteWindow } from "./byte-window.ts";
import type { RowReader, RowReaderBounds } from "./row-reader.ts";

/** What a row is made of. */
export type CborValue = number | string | boolean | null | undefined | Uint8Array | CborValue[] | CborMap;
export type CborMap = { [key: string]: CborValue };

/** Major types of RFC 8949, 3.1. */
const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;

/** Rows are flat; whatever nests deeper is no row. */
const DEPTH_MAX = 8;

/** A row has eight values; a megabyte of empty lists would be far more memory than that. */
const VALUES_MAX = 1000;

/** An item as bytes (RFC 8949): a map of its keys in their order, without those that are `undefined`. Byte strings are not copied. */
export function toCborItem(
  row: Readonly<Record<string, number | string | Uint8Array | undefined>>,
): Uint8Array[] {
  const entries = Object.entries(row).filter(([, value]) => value !== undefined);
  const parts: Uint8Array[] = [toHead(MAP, entries.length)];
  for (const [key, value = 0] of entries) {
    const name = new TextEncoder().encode(key);
    parts.push(toHead(TEXT, name.length), name);
    if (typeof value === "number") parts.push(toInteger(value));
    else if (typeof value === "string") parts.push(...toText(value));
    else parts.push(toHead(BYTES, value.length), value);
  }
  // What lies before a long byte string is one piece.
  const last = parts.at(-1);
  return last === undefined ? [] : [concatBytes(parts.slice(0, -1)), last];
}

function toText(text: string): Uint8Array[] {
  const bytes = new TextEncoder().encode(text);
  return [toHead(TEXT, bytes.length), bytes];
}

function toInteger(value: number): Uint8Array {
  return value < 0 ? toHead(NEGATIVE, -1 - value) : toHead(UNSIGNED, value);
}

function toHead(major: number, value: number): Uint8Array {
  const type = major << 5;
  if (value < 24) return Uint8Array.of(type | value);
  if (value < 2 ** 8) return Uint8Array.of(type | 24, value);
  const view = new DataView(new ArrayBuffer(9));
  if (value < 2 ** 32) {
    view.setUint8(0, type | 26);
    view.setUint32(1, value);
    return new Uint8Array(view.buffer, 0, 5);
  }
  view.setUint8(0, type | 27);
  view.setBigUint64(1, BigInt(value));
  return new Uint8Array(view.buffer);
}

/**
 * Cuts a CBOR sequence (RFC 8742) into its items as its bytes come. Byte strings are views of the window that they came through. Throws
 * `corrupt` for an item of more than `itemBytesMax`, and for what no row needs: tags, floats and lengths that are not told.
 */
export class CborSequenceReader implements RowReader {
  readonly #window: ByteWindow;
  readonly #itemBytesMax: number;

  constructor({ itemBytesMax, roomBytes }: RowReaderBounds) {
    this.#itemBytesMax = itemBytesMax;
    this.#window = new ByteWindow({ roomBytes });
  }

  get isWhole(): boolean {
    return this.#window.length === 0;
  }

  push(chunk: Uint8Array): void {
    this.#window.push(chunk);
  }

  next(): { item: CborValue } | undefined {
    if (this.#window.length === 0) return undefined;
    const decoder = new Decoder(this.#window.peek(), this.#itemBytesMax);
    const item = decoder.tryRead();
    if (item !== undefined) this.#window.consume(decoder.offset);
    return item;
  }

  release(): void {
    this.#window.release();
  }
}

/** Thrown and caught in this file: the item is not whole. */
const INCOMPLETE: unique symbol = Symbol("incomplete");

class Decoder {
  offset = 0;
  readonly #bytes: Uint8Array;
  readonly #bytesMax: number;
  #values = 0;

  constructor(bytes: Uint8Array, bytesMax: number) {
    this.#bytes = bytes;
    this.#bytesMax = bytesMax;
  }

  tryRead(): { item: CborValue } | undefined {
    try {
      return { item: this.#read(0) };
    } catch (error) {
      if (error === INCOMPLETE) return undefined;
      throw error;
    }
  }

  #read(depth: number): CborValue {
    if (++this.#values > VALUES_MAX || depth > DEPTH_MAX) throw toCorrupt("has too many values");
    const byte = this.#take(1)[0] ?? 0;
    const major = byte >> 5;
    if (major > TAG) return toSimple(byte & 31);
    const value = this.#readLength(byte & 31);
    switch (major) {
      case UNSIGNED:
        return value;
      case NEGATIVE:
        return -1 - value;
      case BYTES:
        return this.#take(value);
      case TEXT:
        return this.#readText(value);
      case ARRAY:
        return this.#readMany(value, () => this.#read(depth + 1));
      case MAP:
        return Object.fromEntries(
          this.#readMany(value, () => [this.#readKey(depth + 1), this.#read(depth + 1)]),
        );
      default:
        throw toCorrupt("has a tag");
    }
  }

  #readLength(info: number): number {
    if (info < 24) return info;
    if (info > 27) throw toCorrupt("has a length that is not told");
    const bytes = this.#take(1 << (info - 24));
    return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  }

  #readKey(depth: number): string {
    const key = this.#read(depth);
    if (typeof key === "string") return key;
    throw toCorrupt("has a key that is no text");
  }

  #readText(length: number): string {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(this.#take(length));
    } catch (error) {
      if (error === INCOMPLETE || error instanceof AppError) throw error;
      throw toCorrupt("has a text that is not UTF-8");
    }
  }

  #readMany<T>(count: number, read: () => T): T[] {
    if (count > VALUES_MAX) throw toCorrupt("has too many values");
    return Array.from({ length: count }, read);
  }

  #take(length: number): Uint8Array {
    const end = this.offset + length;
    if (end > this.#bytesMax) throw toCorrupt(`has more than ${this.#bytesMax} bytes`);
    if (end > this.#bytes.length) throw INCOMPLETE;
    const taken = this.#bytes.subarray(this.offset, end);
    this.offset = end;
    return taken;
  }
}

/** RFC 8949, 3.3. */
function toSimple(info: number): boolean | null | undefined {
  switch (info) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
      return null;
    case 23:
      return undefined;
    default:
      throw toCorrupt("has a value of a kind that no row needs");
  }
}

function toCorrupt(what: string): AppError {
  return new AppError("corrupt", `the sender sent a row that ${what}`);
}
