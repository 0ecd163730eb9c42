import { AppError } from "../core/app-error.ts";
import { ByteWindow } from "./byte-window.ts";
import { ARRAY, BYTES, type CborMap, type CborValue, MAP, NEGATIVE, TAG, TEXT, UNSIGNED } from "./cbor.ts";
import type { RowReader, RowReaderBounds } from "./row-reader.ts";

/** Rows are flat; whatever nests deeper is no row. */
const DEPTH_MAX = 8;

/** A row has eight values; a megabyte of empty lists would be far more memory than that. */
const VALUES_MAX = 1000;

/**
 * Cuts a CBOR sequence (RFC 8742) into its items as its bytes come. Byte strings are views of the window that they came through. Throws
 * `corrupt` for an item of more than `itemBytesMax`, and for what no row needs: tags, floats and lengths that are not told.
 */
export class CborSequenceReader implements RowReader {
  readonly #window: ByteWindow;
  readonly #itemBytesMax: number;
  readonly #keys = new KnownKeys();

  constructor({ itemBytesMax, roomBytes }: RowReaderBounds) {
    this.#itemBytesMax = itemBytesMax;
    this.#window = new ByteWindow({ roomBytes, isShared: true });
  }

  get isWhole(): boolean {
    return this.#window.length === 0;
  }

  push(chunk: Uint8Array): void {
    this.#window.push(chunk);
  }

  next(): { item: CborValue } | undefined {
    if (this.#window.length === 0) return undefined;
    const decoder = new Decoder(this.#window.peek(), { bytesMax: this.#itemBytesMax, keys: this.#keys });
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

function decodeText(bytes: Uint8Array): string {
  try {
    return textDecoder.decode(bytes);
  } catch {
    throw toCorrupt("has a text that is not UTF-8");
  }
}

/** More keys than this, and longer ones, are not those of rows. */
const KEYS_MAX = 64;
const KEY_BYTES_MAX = 32;

/** The keys of earlier rows: all rows have the same, and to decode them takes longer than the rest of a row. */
class KnownKeys {
  readonly #keys = new Map<number, { bytes: Uint8Array; text: string }>();

  find(bytes: Uint8Array): string | undefined {
    const known = this.#keys.get(toHash(bytes));
    return known !== undefined && isSame(known.bytes, bytes) ? known.text : undefined;
  }

  add(bytes: Uint8Array, text: string): string {
    const isUsual = bytes.length <= KEY_BYTES_MAX && this.#keys.size < KEYS_MAX;
    if (isUsual) this.#keys.set(toHash(bytes), { bytes: Uint8Array.from(bytes), text });
    return text;
  }
}

function toHash(bytes: Uint8Array): number {
  return (bytes.length << 16) | ((bytes[0] ?? 0) << 8) | (bytes.at(-1) ?? 0);
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

class Decoder {
  offset = 0;
  readonly #bytes: Uint8Array;
  readonly #bytesMax: number;
  readonly #keys: KnownKeys;
  #values = 0;

  constructor(bytes: Uint8Array, { bytesMax, keys }: { bytesMax: number; keys: KnownKeys }) {
    this.#bytes = bytes;
    this.#bytesMax = bytesMax;
    this.#keys = keys;
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
        return decodeText(this.#take(value));
      case ARRAY:
        return this.#readArray(value, depth + 1);
      case MAP:
        return this.#readMap(value, depth + 1);
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

  #readArray(count: number, depth: number): CborValue[] {
    if (count > VALUES_MAX) throw toCorrupt("has too many values");
    return Array.from({ length: count }, () => this.#read(depth));
  }

  #readMap(count: number, depth: number): CborMap {
    if (count > VALUES_MAX) throw toCorrupt("has too many values");
    const map: CborMap = {};
    for (let left = count; left > 0; left--) map[this.#readKey()] = this.#read(depth);
    return map;
  }

  #readKey(): string {
    const byte = this.#takeByte();
    if (byte >> 5 !== TEXT) throw toCorrupt("has a key that is no text");
    const bytes = this.#take(this.#readLength(byte & 31));
    const key = this.#keys.find(bytes) ?? this.#keys.add(bytes, decodeText(bytes));
    if (key === "__proto__") throw toCorrupt("has a key that no row has");
    return key;
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
