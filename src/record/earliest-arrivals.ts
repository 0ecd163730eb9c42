const BUCKET_MS = 10_000;

/** Long enough for each minute to have an arrival that nothing delayed; a drift of 500 ppm comes to 30 ms in it. */
const BUCKETS = 6;

/** The least value of about the last minute. */
export class EarliestArrivals {
  #buckets: { number: number; leastMs: number }[] = [];

  /** Infinite while nothing was added. */
  get leastMs(): number {
    return Math.min(...this.#buckets.map((bucket) => bucket.leastMs));
  }

  add(nowMs: number, valueMs: number): void {
    const number = Math.floor(nowMs / BUCKET_MS);
    const newest = this.#buckets.at(-1);
    if (newest?.number === number) {
      newest.leastMs = Math.min(newest.leastMs, valueMs);
      return;
    }
    this.#buckets = this.#buckets.filter((bucket) => bucket.number > number - BUCKETS);
    this.#buckets.push({ number, leastMs: valueMs });
  }

  clear(): void {
    this.#buckets = [];
  }
}
