/**
 * Bytes that arrive in pieces and are read in whole units. Only what has not been consumed is kept, and it is copied
 * once per `push` at most.
 */
export class ByteQueue {
  #bytes: Uint8Array = new Uint8Array(0);

  get length(): number {
    return this.#bytes.length;
  }

  push(chunk: Uint8Array): void {
    if (this.#bytes.length === 0) {
      this.#bytes = chunk;
      return;
    }
    const joined = new Uint8Array(this.#bytes.length + chunk.length);
    joined.set(this.#bytes);
    joined.set(chunk, this.#bytes.length);
    this.#bytes = joined;
  }

  /** All bytes held, as a view that is valid until the next `push` or `consume`. */
  peek(): Uint8Array {
    return this.#bytes;
  }

  /** Takes the first `length` bytes out, as a view that stays valid. */
  consume(length: number): Uint8Array {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }
}
