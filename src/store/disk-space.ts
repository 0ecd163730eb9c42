import { closeSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";

/** The errors that say that there is no room, as Node tells them: it has no name for the second one, which is a quota's. */
const NO_ROOM: readonly number[] = [-constants.errno.ENOSPC, -constants.errno.EDQUOT];

/** A commit needs at least so much; a probe that is smaller may fit where nothing else does. */
const PROBE_BYTES = 64 * 1024;

/** Whether an error of a file operation says that there is no room. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof Error && "errno" in error && NO_ROOM.includes(Number(error.errno));
}

/**
 * Tries whether the directory's file system takes another small file: `full` when it says that there is no room, `failing` when it
 * says that it could not be written. Any other reason to refuse it, such as permissions, tells nothing of the disk.
 */
export function probeDisk(directory: string): "full" | "failing" | undefined {
  const path = join(directory, `.probe-${process.pid}`);
  try {
    writeDurably(path, PROBE_BYTES);
    return undefined;
  } catch (error) {
    if (isNoRoom(error)) return "full";
    const isFailing = error instanceof Error && "code" in error && error.code === "EIO";
    return isFailing ? "failing" : undefined;
  } finally {
    removeIfPossible(path);
  }
}

/** Takes a file away. Where the disk refuses that too, it stays: whoever calls has a worse error to tell. */
export function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    return;
  }
}

/**
 * Bytes that this process may still write, as the file system tells; `Infinity` where it does not tell. A quota is not
 * seen here.
 */
export function readFreeBytes(directory: string): number {
  const { bsize, blocks, bavail, bfree } = statfsSync(directory);
  if (blocks === 0) return Infinity;
  // Only root may use what a file system keeps back.
  return bsize * (process.getuid?.() === 0 ? bfree : bavail);
}

/** Bytes of the whole file system; `Infinity` where it does not tell. */
export function readTotalBytes(directory: string): number {
  const { bsize, blocks } = statfsSync(directory);
  return blocks === 0 ? Infinity : bsize * blocks;
}

/** Waits until the names in a directory are on the disk. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Writes a file of bytes that no file system can store in fewer, and waits until they are on the disk. */
export function writeDurably(path: string, bytes: number): void {
  const file = openSync(path, "w");
  try {
    for (let left = bytes; left > 0;) {
      const noise = crypto.getRandomValues(new Uint8Array(Math.min(left, PROBE_BYTES)));
      left -= writeSync(file, noise);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
