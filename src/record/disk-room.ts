import type { Log } from "../core/log.ts";
import { AppError, toReason } from "../core/app-error.ts";
import { Ballast } from "../store/ballast.ts";
import { readFreeBytes } from "../store/disk-space.ts";

/** With less than this the next commits of a show may fail. */
const FREE_BYTES_MIN = 256 * 1024;

/**
 * The room on the disk that all shows of a recorder share. It is full when a write has found it so, until the ballast is
 * made again, or when hardly anything is left, also while the log of a database still has room for some seconds.
 */
export class DiskRoom {
  /** What the writers of the shows give up when a write finds the disk full. */
  readonly ballast: Ballast;
  readonly #directory: string;
  readonly #log: Log;
  #isLow = false;
  #wasFull = false;
  #hasFailed = false;

  constructor(directory: string, segmentBytesMax: number, log: Log) {
    this.#directory = directory;
    this.#log = log;
    this.ballast = new Ballast(directory, segmentBytesMax);
  }

  get isFull(): boolean {
    return this.ballast.isReleased || this.#isLow;
  }

  /** Of the disk; another program may take them. */
  get freeBytes(): number {
    return readFreeBytes(this.#directory);
  }

  /**
   * Throws `disk-full` when a write has found it so, also one of another show: what the ballast gave is for storing what was
   * heard and for deleting, not for going on.
   */
  requireRoom(): void {
    if (this.ballast.isReleased) throw new AppError("disk-full", "the disk is full");
  }

  /** Looks how things are, makes the ballast when it is missing and there is room for it, and logs what has changed. */
  look(): void {
    try {
      this.ballast.restore();
      this.#isLow = readFreeBytes(this.#directory) < FREE_BYTES_MIN;
      this.#hasFailed = false;
    } catch (error) {
      // Each show finds out by itself whether it can write; this is only about room.
      if (!this.#hasFailed) this.#log.warn(`no ballast against a full disk: ${toReason(error)}`);
      this.#hasFailed = true;
      this.#isLow = false;
    }
    if (this.isFull === this.#wasFull) return;
    this.#wasFull = this.isFull;
    if (this.isFull) this.#log.warn("the disk is full: free some room, and recording goes on by itself");
    else this.#log.info("the disk has room again");
  }
}
