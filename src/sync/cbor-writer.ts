import { BYTES, MAP, NEGATIVE, TEXT, UNSIGNED } from "./cbor.ts";

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
