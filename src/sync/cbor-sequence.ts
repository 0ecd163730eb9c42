import { AppError } from "../core/app-error.ts";
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

/** What a row may be on its way out; keys that are `undefined` are left out. */
export type CborRow = Readonly<Record<string, number | string | Uint8Array | undefined>>;

/** The longest head of an item: its type, and a length of 64 bits. */
const HEAD_BYTES_MAX = 9;

/** UTF-8 needs no more for a character of a JavaScript string. */
const CHAR_BYTES_MAX = 3;

/** Rows as a CBOR sequence (RFC 8742): each is a map (RFC 8949) of its keys in their order. */
export function toCborSequence(rows: readonly CborRow[]): Uint8Array {
  const encoder = new Encoder(rows.reduce((sum, row) => sum + toBytesMax(row), 0));
  for (const row of rows) encoder.writeMap(row);
  return encoder.bytes;
}

function toBytesMax(row: CborRow): number {
  let bytes = HEAD_BYTES_MAX;
  for (const key in row) {
    const value = row[key];
    bytes += 2 * HEAD_BYTES_MAX + CHAR_BYTES_MAX * key.length;
    if (typeof value === "string") bytes += CHAR_BYTES_MAX * value.length;
    else if (typeof value === "object") bytes += value.length;
  }
  return bytes;
}

const textEncoder = new TextEncoder();
const keyBytes = new Map<string, Uint8Array>();

class Encoder {
  readonly #buffer: Uint8Array;
  #end = 0;

  constructor(bytesMax: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytesMax);
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#end);
  }

  writeMap(row: CborRow): void {
    const keys = Object.keys(row).filter((key) => row[key] !== undefined);
    this.#writeHead(MAP, keys.length);
    for (const key of keys) {
      const value = row[key] ?? 0;
      this.#writeKey(key);
      if (typeof value === "number") this.#writeInteger(value);
      else if (typeof value === "string") this.#writeWithHead(TEXT, textEncoder.encode(value));
      else this.#writeWithHead(BYTES, value);
    }
  }

  #writeInteger(value: number): void {
    if (value < 0) this.#writeHead(NEGATIVE, -1 - value);
    else this.#writeHead(UNSIGNED, value);
  }

  /** Keys are few and the same in all rows. */
  #writeKey(key: string): void {
    const bytes = keyBytes.get(key) ?? textEncoder.encode(key);
    keyBytes.set(key, bytes);
    this.#writeWithHead(TEXT, bytes);
  }

  #writeWithHead(major: number, bytes: Uint8Array): void {
    this.#writeHead(major, bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #writeHead(major: number, value: number): void {
    const type = major << 5;
    if (value < 24) this.#writeNumber(type | value, 1);
    else if (value < 2 ** 8) this.#writeLong(type | 24, value, 1);
    else if (value < 2 ** 32) this.#writeLong(type | 26, value, 4);
    else this.#writeLong(type | 27, value, 8);
  }

  #writeLong(head: number, value: number, bytes: number): void {
    this.#buffer[this.#end++] = head;
    this.#writeNumber(value, bytes);
  }

  /** Big-endian. */
  #writeNumber(value: number, bytes: number): void {
    let rest = value;
    for (let index = bytes - 1; index >= 0; index--) {
      this.#buffer[this.#end + index] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    this.#end += bytes;
  }
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

const textDecoder = new TextDecoder("utf-8", { fatal: true });

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
    const byte = this.#takeByte();
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
    let length = 0;
    for (let left = 1 << (info - 24); left > 0; left--) length = length * 256 + this.#takeByte();
    return length;
  }

  #readKey(depth: number): string {
    const key = this.#read(depth);
    if (typeof key === "string") return key;
    throw toCorrupt("has a key that is no text");
  }

  #readText(length: number): string {
    const bytes = this.#take(length);
    try {
      return textDecoder.decode(bytes);
    } catch {
      throw toCorrupt("has a text that is not UTF-8");
    }
  }

  #readMany<T>(count: number, read: () => T): T[] {
    if (count > VALUES_MAX) throw toCorrupt("has too many values");
    return Array.from({ length: count }, read);
  }

  #takeByte(): number {
    const byte = this.#bytes[this.offset];
    if (byte === undefined) throw INCOMPLETE;
    this.offset++;
    return byte;
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
