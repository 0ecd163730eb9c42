/** What comes in one read of the network. */
const FIRST_BYTES = 64 * 1024;

/** Bytes as they come, each copied once into a buffer that is used again. Views of it hold until `release`. */
export class ByteWindow {
  readonly #roomBytes: number;
  #buffer = new Uint8Array(FIRST_BYTES);
  #start = 0;
  #end = 0;

  /** When more comes between one `release` and the next, room is made for `roomBytes`, and for more only when what is not consumed needs it. */
  constructor({ roomBytes }: { roomBytes: number }) {
    this.#roomBytes = roomBytes;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** All that is not consumed. */
  peek(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#buffer.length) this.#grow(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  consume(length: number): void {
    this.#start += length;
  }

  /** Views of what was consumed are needed no more. */
  release(): void {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  /** The old buffer stays as it is, for those who hold views of it. */
  #grow(bytes: number): void {
    const rest = this.peek();
    const roomBytes = Math.min(2 * this.#buffer.length, this.#roomBytes);
    const buffer = new Uint8Array(Math.max(roomBytes, 2 * (rest.length + bytes)));
    buffer.set(rest);
    this.#buffer = buffer;
    this.#end = rest.length;
    this.#start = 0;
  }
}
