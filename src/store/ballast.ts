import { existsSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";

import { AppError, toReason } from "../core/app-error.ts";
import { isNoRoom, readFreeBytes, readTotalBytes, removeIfPossible, writeDurably } from "./disk-space.ts";

/**
 * What deleting needs at most: SQLite first writes down what it is about to delete, also on a full disk. The deletes of a show's
 * writer are cut to fit, see there.
 */
const BALLAST_BYTES = 3 * 1024 * 1024;

/** Beyond what the longest segment needs; with less, the next minute would find the disk full again. */
const MARGIN_BYTES = 1024 * 1024;

/** On a small file system (a test, a microcontroller's card) a smaller ballast is enough, since deletes are smaller too. */
const BALLAST_SHARE_MAX = 1 / 8;

const FILE_NAME = ".recorder.ballast";

/**
 * A file that is worth nothing but its room, beside the databases of a recorder. It is given up when a write finds the disk
 * full: then what was heard can still be stored, retention can still delete, and the gap can be booked. It
 * is made again when there is room for it and some more; until then nobody should begin anything new.
 */
export class Ballast {
  readonly #directory: string;
  readonly #path: string;
  readonly #bytes: number;
  readonly #marginBytes: number;
  #isReleased = false;

  /** `segmentBytesMax` is the longest segment of all shows: it may wait in a log whose checkpoint takes its room first. */
  constructor(directory: string, segmentBytesMax: number) {
    this.#directory = directory;
    this.#path = join(directory, FILE_NAME);
    const most = Math.floor(readTotalBytes(directory) * BALLAST_SHARE_MAX);
    this.#bytes = Math.min(BALLAST_BYTES + segmentBytesMax, most);
    // A segment is written to the log, and from there to the database.
    this.#marginBytes = Math.min(MARGIN_BYTES + 2 * segmentBytesMax, most);
  }

  /** Whether the disk was found full and there is no room again yet. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Gives the room up; says whether there was any, so that another attempt may succeed. */
  release(): boolean {
    this.#isReleased = true;
    const had = existsSync(this.#path);
    removeIfPossible(this.#path);
    return had;
  }

  /**
   * Makes the file unless it is there. Without room for it, it counts as released. Throws `disk-failed` when anything but room is
   * missing: then there is no ballast, and whether the disk can be written is for others to find out.
   */
  restore(): void {
    if (!this.#isReleased && this.#isWhole()) return;
    const bytes = this.#bytes + this.#marginBytes;
    this.#isReleased = true;
    try {
      removeIfPossible(this.#path);
      // Where it is known that there is no room, trying would only wear the disk.
      if (readFreeBytes(this.#directory) < bytes) return;
      writeDurably(this.#path, bytes);
      truncateSync(this.#path, this.#bytes);
      this.#isReleased = false;
    } catch (error) {
      removeIfPossible(this.#path);
      if (isNoRoom(error)) return;
      this.#isReleased = false;
      throw new AppError("disk-failed", `${this.#path} cannot be written: ${toReason(error)}`, {
        cause: error,
      });
    }
  }

  /** A crash may have left half of it. */
  #isWhole(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.size === this.#bytes;
  }
}
