/** A server may send this much more sound on connect than time has passed; beyond it, reading waits. */
const SOUND_AHEAD_MS_MAX = 60_000;

/** Twice of what a station's clock may be too fast: that adds up to a minute within two days, and is no flood. */
const SOUND_MS_PER_MS = 1.001;

/** The same in bytes, for what is no sound: far more than any stream in use, and far less than a processor notices. */
const BYTES_AHEAD_MAX = 16 * 1024 * 1024;
const BYTES_PER_MS_MAX = 2048;

/** Keeps a station that sends without measure from taking this machine's time from the others. Times are monotonic. */
export class InflowLimit {
  readonly #soundMs = new LeakyBucket(SOUND_AHEAD_MS_MAX, SOUND_MS_PER_MS);
  readonly #bytes = new LeakyBucket(BYTES_AHEAD_MAX, BYTES_PER_MS_MAX);

  /** How far the sound is ahead of the time. */
  aheadMs(nowMs: number): number {
    return this.#soundMs.level(nowMs);
  }

  add(arrived: { bytes: number; soundMs: number; arrivalMs: number }): void {
    this.#soundMs.add(arrived.soundMs, arrived.arrivalMs);
    this.#bytes.add(arrived.bytes, arrived.arrivalMs);
  }

  /** For how long nothing more should be read; 0 for a station that behaves. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#bytes.waitMs(nowMs), this.#soundMs.waitMs(nowMs));
  }
}

/** What comes in fills it, and as much leaks out in each millisecond; what is not used up is spared as far as it holds. */
class LeakyBucket {
  readonly #capacity: number;
  readonly #leakPerMs: number;
  #level = 0;
  #atMs: number | undefined;

  constructor(capacity: number, leakPerMs: number) {
    this.#capacity = capacity;
    this.#leakPerMs = leakPerMs;
  }

  add(amount: number, nowMs: number): void {
    this.#level = this.level(nowMs) + amount;
    this.#atMs = nowMs;
  }

  level(nowMs: number): number {
    const leaked = (nowMs - (this.#atMs ?? nowMs)) * this.#leakPerMs;
    return Math.max(-this.#capacity, this.#level - leaked);
  }

  /** How long it takes until it does not overflow any more; negative while it does not. */
  waitMs(nowMs: number): number {
    return (this.level(nowMs) - this.#capacity) / this.#leakPerMs;
  }
}
