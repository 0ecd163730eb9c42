import { createHash } from "node:crypto";

/** What happened in a simulation, line by line: only its hash is kept, and the lines where somebody wants to read them. */
export class Trace {
  readonly #hash = createHash("sha256");
  readonly #write: ((line: string) => void) | undefined;
  readonly #now: () => number;
  #count = 0;

  constructor(now: () => number, write?: (line: string) => void) {
    this.#now = now;
    this.#write = write;
  }

  get count(): number {
    return this.#count;
  }

  add(text: string): void {
    const line = `${(this.#now() / 1000).toFixed(3)} ${text}`;
    this.#hash.update(`${line}\n`);
    this.#count++;
    this.#write?.(line);
  }

  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}
