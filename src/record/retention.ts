import { applyRetention, type Deleted } from "./apply-retention.ts";
import type { ShowConfig } from "../config/record-config.ts";
import type { Clock } from "../core/clock.ts";
import type { Receiver } from "../store/receivers.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import type { Log } from "../core/log.ts";

const HOUR_MS = 3_600_000;

/** A wall clock that moved by more than this against the monotonic one is not trusted with deleting. */
const JUMP_MAX_MS = HOUR_MS;

/** What receivers are waited for is deleted soon after they have it. */
const WAITING_INTERVAL_MS = 0.8 * HOUR_MS;

/** Windows that end within a day of the last run do not start another, give or take the length of a window. */
const INTERVAL_MS = 20 * HOUR_MS;

export type RetentionParts = {
  show: ShowConfig;
  writer: ShowWriter;
  clock: Clock;
  log: Log;
  /** Who has told by now what it has of the show. */
  receivers: () => readonly Receiver[];
  /** Of the disk that the show is on. */
  freeBytes: () => number;
};

/**
 * Deletes once a day what is older than the show's retention: all segments below the last boundary before the cutoff, so that a
 * session that straddles the cutoff stays whole.
 */
export class Retention {
  readonly #parts: RetentionParts;
  readonly #clock: Clock;
  #lastRunMs: number;
  /** The difference of the two clocks when it was last looked at: a change of it is a step of the wall clock. */
  #wallMinusMonotonicMs: number;

  constructor(parts: RetentionParts) {
    const { clock } = parts;
    this.#parts = parts;
    this.#clock = clock;
    this.#lastRunMs = -Infinity;
    this.#wallMinusMonotonicMs = clock.nowMs() - clock.monotonicMs();
  }

  /** Runs when it is due. A failure is a warning: recording matters more. */
  runWhenDue(): void {
    const { show, log } = this.#parts;
    const intervalMs = show.waiting === undefined ? INTERVAL_MS : WAITING_INTERVAL_MS;
    if (this.#clock.monotonicMs() < this.#lastRunMs + intervalMs) return;
    this.#lastRunMs = this.#clock.monotonicMs();
    const jumpMs = this.#takeJumpMs();
    if (Math.abs(jumpMs) > JUMP_MAX_MS) {
      log.warn(`retention waits a day: this machine's clock jumped by ${Math.round(jumpMs / 1000)} s`);
      return;
    }
    try {
      const { segments } = this.#apply(() => this.#isShort());
      if (segments > 0 || show.waiting === undefined)
        log.info(`retention deleted ${segments} segments older than ${show.retentionHours} h`);
    } catch (error) {
      log.warn("retention failed; it is tried again tomorrow", error);
    }
  }

  /**
   * Deletes at once what is older than the retention, because the disk is full. Throws `disk-full` when even that finds no room. What
   * the clock is trusted with is the same as ever.
   */
  makeRoom(): void {
    if (this.#isDistrusted()) return;
    const { show, log } = this.#parts;
    let { segments } = this.#apply(() => false);
    // What receivers do not have yet goes one session at a time: the next one may not be needed. Below the first boundary is nothing.
    let boundaries = 0;
    if (segments === 0) ({ segments } = this.#apply(() => boundaries++ < 2));
    if (segments > 0)
      log.info(`the disk is full: deleted ${segments} segments older than ${show.retentionHours} h`);
  }

  #apply(isShort: () => boolean): Deleted {
    const { show, writer, receivers, log } = this.#parts;
    const rules = { ...show, receivers: show.waiting === undefined ? [] : receivers(), isShort };
    const deleted = applyRetention(writer, rules, this.#toTrustedMs());
    if (deleted.unsynced > 0) {
      const names = show.waiting?.receivers.join(", ") ?? "";
      const text = `deleted ${deleted.unsynced} segments that not all of ${names} have: there is no more room to wait`;
      log.warn(text);
      const data = { deleted: deleted.unsynced, waited_for: show.waiting?.receivers };
      writer.addEvent({ timestampMs: this.#clock.nowMs(), kind: "retention-forced", data });
    }
    return deleted;
  }

  /** Whether a cap is reached that wins over waiting. */
  #isShort(): boolean {
    const { show, writer, freeBytes } = this.#parts;
    const { maxBytes = Infinity, minFreeBytes = 0 } = show.waiting ?? {};
    return writer.bytes > maxBytes || freeBytes() < minFreeBytes;
  }

  /** Whether the clock has jumped since it was last trusted; it is trusted again from the next daily run on. */
  #isDistrusted(): boolean {
    const differenceMs = this.#clock.nowMs() - this.#clock.monotonicMs();
    return Math.abs(differenceMs - this.#wallMinusMonotonicMs) > JUMP_MAX_MS;
  }

  /**
   * The earlier of the wall clock and the one that placed the newest sound, and not more than an hour beyond that sound, which
   * carries the station's own time: a clock that runs ahead, or was wrong from the start, deletes nothing that it should not.
   */
  #toTrustedMs(): number {
    const { writer } = this.#parts;
    const soundEndMs = writer.history()?.soundEndMs ?? -Infinity;
    const aheadMs = writer.resumePoint()?.clockAheadMs ?? 0;
    return Math.min(this.#clock.nowMs() + Math.min(0, aheadMs), soundEndMs + HOUR_MS);
  }

  #takeJumpMs(): number {
    const differenceMs = this.#clock.nowMs() - this.#clock.monotonicMs();
    const jumpMs = differenceMs - this.#wallMinusMonotonicMs;
    this.#wallMinusMonotonicMs = differenceMs;
    return jumpMs;
  }
}
