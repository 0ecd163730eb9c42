import { dirname } from "node:path";

import { AppError, toReason } from "../core/app-error.ts";
import { probeDisk } from "./disk-space.ts";

/** Primary result codes of SQLite that mean something to an operator. */
const SQLITE_PERM = 3;
const SQLITE_BUSY = 5;
export const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

/**
 * What is the disk's doing and not the data's: it refuses to read or write, the file system was made read-only, or the
 * file was taken away. What was stored may be whole; opening the file anew may help.
 */
const DISK_CODES: readonly number[] = [SQLITE_PERM, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN];

/** And of these, the ones that keep a reader from making its log files. */
export const NO_LOG_CODES: readonly number[] = [...DISK_CODES, SQLITE_FULL];

/** The primary result code of SQLite; 0 for an error that is none of its own. */
export function toPrimaryCode(error: unknown): number {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
}

/** Runs `work` on the database at `path`, and tells what SQLite throws as an `AppError`. */
export function translateErrors<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toPrimaryCode(error) === 0 ? error : toAppError(path, error);
  }
}

function toAppError(path: string, error: unknown): AppError {
  const code = toPrimaryCode(error);
  const cause = { cause: error };
  if (code === SQLITE_NOTADB)
    return new AppError("not-a-database", `${path} is not an SQLite database`, cause);
  if (code === SQLITE_BUSY) return new AppError("busy", `${path} is in use by another program`, cause);
  const isDiskCode = DISK_CODES.includes(code);
  const disk = isDiskCode || code === SQLITE_CORRUPT ? probeDisk(dirname(path)) : undefined;
  // SQLite says "full" only where the file system said ENOSPC to a write: not of a quota, nor of a file that cannot be made.
  if (code === SQLITE_FULL || (isDiskCode && disk === "full")) {
    return new AppError("disk-full", `${path}: the disk is full`, cause);
  }
  // A disk that is gone in the middle gives pages without content, which SQLite takes for damage.
  const isDisk = isDiskCode || disk === "failing";
  const says = `${path}: SQLite says: ${toReason(error)}`;
  return isDisk
    ? new AppError("disk-failed", `${says}; look at the disk and at the permissions`, cause)
    : new AppError("corrupt", says, cause);
}
