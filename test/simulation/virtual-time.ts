import { setImmediate as nextTurn } from "node:timers/promises";

type Timer = { dueMs: number; order: number; fire: () => void; isCancelled: boolean };

/**
 * Time that passes only while nobody has anything left to do: it leaps from one timer to the next, and before each leap
 * all promises have come to rest. What waits for anything but this time, a promise or SQLite breaks that.
 */
export class VirtualTime {
  readonly #startMs: number;
  readonly #timers: Timer[] = [];
  #elapsedMs = 0;
  #order = 0;

  /** `startMs` is the true Unix time of the beginning. */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** Milliseconds since the beginning. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** The true Unix time, which no clock in the simulation has to know. */
  get trueMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  /** Calls `fire` after `ms`; timers of the same instant fire in the order in which they were set. Returns how to cancel it. */
  after(ms: number, fire: () => void): () => void {
    const timer = {
      dueMs: this.#elapsedMs + Math.max(0, ms),
      order: this.#order++,
      fire,
      isCancelled: false,
    };
    this.#insert(timer);
    return () => {
      timer.isCancelled = true;
      timer.fire = () => undefined;
    };
  }

  /** Resolves after `ms`. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Lets time pass until `isOver`, or for `ms` at most. */
  async pass(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    for (;;) {
      await rest();
      if (isOver()) return;
      const next = this.#timers[0];
      if (next === undefined || next.dueMs > endMs) break;
      this.#removeFirst();
      if (next.isCancelled) continue;
      this.#elapsedMs = next.dueMs;
      next.fire();
    }
    this.#elapsedMs = endMs;
  }

  #insert(timer: Timer): void {
    const heap = this.#timers;
    let index = heap.length;
    heap.push(timer);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isEarlier(timer, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = timer;
  }

  #removeFirst(): void {
    const heap = this.#timers;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const [left, right] = [heap[2 * index + 1], heap[2 * index + 2]];
      if (left === undefined) break;
      const isRight = right !== undefined && isEarlier(right, left);
      const child = isRight ? right : left;
      if (!isEarlier(child, last)) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

function isEarlier(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** A turn of the event loop ends when no promise can go on; the second one is for those who wait for a turn themselves. */
async function rest(): Promise<void> {
  await nextTurn();
  await nextTurn();
}
