import type { ShowConfig } from "../config/record-config.ts";
import type { Clock } from "../core/clock.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import type { Log } from "../core/log.ts";

const HOUR_MS = 3_600_000;

/** A wall clock that moved by more than this against the monotonic one is not trusted with deleting. */
const JUMP_MAX_MS = HOUR_MS;

/** Windows that end within a day of the last run do not start another, give or take the length of a window. */
const INTERVAL_MS = 20 * HOUR_MS;

/**
 * Deletes once a day what is older than the show's retention: all segments below the last boundary before the cutoff, so that a
 * session that straddles the cutoff stays whole.
 */
export class Retention {
  readonly #clock: Clock;
  #lastRunMs: number;
  /** The difference of the two clocks when it was last looked at: a change of it is a step of the wall clock. */
  #wallMinusMonotonicMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastRunMs = -Infinity;
    this.#wallMinusMonotonicMs = clock.nowMs() - clock.monotonicMs();
  }

  /** Milliseconds until the next run is due; 0 when it is. */
  get dueInMs(): number {
    return Math.max(0, this.#lastRunMs + INTERVAL_MS - this.#clock.monotonicMs());
  }

  /** Runs when it is due. A failure is a warning: recording matters more. */
  runWhenDue(writer: ShowWriter, show: ShowConfig, log: Log): void {
    if (this.dueInMs > 0) return;
    this.#lastRunMs = this.#clock.monotonicMs();
    const jumpMs = this.#takeJumpMs();
    if (Math.abs(jumpMs) > JUMP_MAX_MS) {
      log.warn(`retention waits a day: this machine's clock jumped by ${Math.round(jumpMs / 1000)} s`);
      return;
    }
    try {
      const deleted = applyRetention(writer, show.retentionHours, this.#toTrustedMs(writer));
      log.info(`retention deleted ${deleted} segments older than ${show.retentionHours} h`);
    } catch (error) {
      log.warn("retention failed; it is tried again tomorrow", error);
    }
  }

  /**
   * Deletes at once what is older than the retention, because the disk is full. Throws `disk-full` when even that finds no room. What
   * the clock is trusted with is the same as ever.
   */
  makeRoom(writer: ShowWriter, show: ShowConfig, log: Log): void {
    if (this.#isDistrusted()) return;
    const deleted = applyRetention(writer, show.retentionHours, this.#toTrustedMs(writer));
    if (deleted > 0)
      log.info(`the disk is full: deleted ${deleted} segments older than ${show.retentionHours} h`);
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
  #toTrustedMs(writer: ShowWriter): number {
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

/** Deletes what lies below the last boundary before `nowMs` less the retention; returns how many segments. */
export function applyRetention(writer: ShowWriter, retentionHours: number, nowMs: number): number {
  const boundary = writer.lastBoundaryBefore(nowMs - retentionHours * HOUR_MS);
  return boundary === undefined ? 0 : writer.deleteBefore(boundary);
}
