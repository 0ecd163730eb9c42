/** What comes in one read of the network. */
const FIRST_BYTES = 64 * 1024;

/**
 * Bytes as they come, each copied once into one of two buffers that are used in turn: what was handed out before a `release` holds until the
 * next one, so that it can be written while more comes. Other threads can read them where they are.
 */
export class ByteWindow {
  readonly #roomBytes: number;
  #buffer = createBuffer(FIRST_BYTES);
  #other = createBuffer(0);
  #start = 0;
  #end = 0;

  /**
   * When more comes between one `release` and the next, room is made for `roomBytes`, and for more only when what is not consumed needs it.
   * Memory is taken as it is filled.
   */
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

  /** Views of what was consumed are needed no more when this is called once more. */
  release(): void {
    const other = this.#buffer;
    const isLarge = this.#other.length >= other.length;
    this.#moveTo(isLarge ? this.#other : createBuffer(other.length));
    this.#other = other;
  }

  /** The old buffer stays as it is, for those who hold views of it. */
  #grow(bytes: number): void {
    this.#moveTo(createBuffer(Math.max(this.#roomBytes, 2 * (this.length + bytes))));
  }

  #moveTo(buffer: Uint8Array): void {
    const rest = this.peek();
    buffer.set(rest);
    this.#buffer = buffer;
    this.#end = rest.length;
    this.#start = 0;
  }
}

function createBuffer(bytes: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(bytes));
}
