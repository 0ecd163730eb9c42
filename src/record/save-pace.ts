/** How much sound a kill may cost on a disk that keeps up. */
const SAVE_EVERY_MS = 500;

/** And on one that does not: beyond this, the sound would only pile up in memory. */
const SAVE_EVERY_MS_MAX = 5000;

/** A disk may be busy with one show for this share of the time, and with all shows of the thread for that share. */
const BUSY_SHARE_MAX = 0.2;
const BUSY_SHARE_ALL_MAX = 0.6;

/**
 * How often a show makes its sound durable. Where the disk is slow, that is less often, before anything queues: all shows
 * are stored by one thread, which has to hear the stations meanwhile.
 */
export class SavePace {
  readonly #busyShare: number;
  #everyMs = SAVE_EVERY_MS;

  constructor(showCount: number) {
    this.#busyShare = Math.min(BUSY_SHARE_MAX, BUSY_SHARE_ALL_MAX / showCount);
  }

  /** How much sound a kill may cost at the moment. */
  get everyMs(): number {
    return this.#everyMs;
  }

  /** Takes note of how long the disk needed for one commit. */
  observe(tookMs: number): void {
    this.#everyMs = Math.min(SAVE_EVERY_MS_MAX, Math.max(SAVE_EVERY_MS, tookMs / this.#busyShare));
  }
}
