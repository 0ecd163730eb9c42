/** What comes in one read of the network. */
const FIRST_BYTES = 64 * 1024;

/** Room for so much more than there was, so that what comes next does not need still more. */
const ROOM_EXCESS = 1.25;

export type ByteWindowSetting = {
  /** Room for what comes between one `release` and the next; it grows when that is not enough. */
  roomBytes: number;
  /** Whether views are handed out that other threads read while more comes. */
  isShared: boolean;
};

/**
 * Bytes as they come, each copied once into memory that is used again and again. Of a shared window, there are two buffers that take turns:
 * what was handed out before a `release` holds until the next one. Of any other, it holds until the next `release`. Garbage collectors do
 * not know how much shared memory there is, so none of it is left to them but while the room for a show's rows is being found.
 */
export class ByteWindow {
  readonly #isShared: boolean;
  #roomBytes: number;
  #buffer: Uint8Array;
  #other: Uint8Array;
  #start = 0;
  #end = 0;
  /** What was here since the last `release`, also in buffers that were outgrown. */
  #heldBytes = 0;
  #isConsumed = false;

  constructor({ roomBytes, isShared }: ByteWindowSetting) {
    this.#roomBytes = roomBytes;
    this.#isShared = isShared;
    this.#buffer = this.#createBuffer(FIRST_BYTES);
    this.#other = this.#createBuffer(0);
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
    this.#heldBytes += chunk.length;
  }

  consume(length: number): void {
    this.#start += length;
    this.#isConsumed = true;
  }

  /**
   * Views of what was consumed before are needed no more: of a shared window before the last call, of any other before this one. A call
   * before which nothing was consumed does not count.
   */
  release(): void {
    if (!this.#isConsumed) return;
    this.#isConsumed = false;
    if (this.#heldBytes > this.#roomBytes) this.#roomBytes = Math.ceil(this.#heldBytes * ROOM_EXCESS);
    if (this.#isShared) this.#swap();
    else this.#moveTo(this.#buffer);
    this.#heldBytes = this.length;
  }

  #swap(): void {
    const used = this.#buffer;
    const bytes = this.#heldBytes > FIRST_BYTES ? this.#roomBytes : FIRST_BYTES;
    this.#moveTo(this.#other.length >= bytes ? this.#other : this.#createBuffer(bytes));
    this.#other = used;
  }

  /** The old buffer stays as it is, for those who hold views of it. */
  #grow(bytes: number): void {
    this.#roomBytes = Math.max(this.#roomBytes, 2 * (this.length + bytes));
    this.#moveTo(this.#createBuffer(this.#roomBytes));
  }

  #moveTo(buffer: Uint8Array): void {
    const rest = this.peek();
    buffer.set(rest);
    this.#buffer = buffer;
    this.#end = rest.length;
    this.#start = 0;
  }

  /** Memory is taken as it is filled. */
  #createBuffer(bytes: number): Uint8Array {
    return new Uint8Array(this.#isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
  }
}
