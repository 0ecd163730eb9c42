import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { AppError, toReason } from "../core/app-error.ts";

/**
 * Makes a directory, and those above it that are missing. Throws `not-found` where that cannot be.
 *
 * The recursive mode of `mkdirSync` never returns where a file system takes no directories and says that the one above is
 * missing, as /proc does.
 */
export function makeDirectory(path: string): void {
  const absolute = resolve(path);
  if (isDirectory(absolute)) return;
  const parent = dirname(absolute);
  if (parent !== absolute) makeDirectory(parent);
  try {
    mkdirSync(absolute);
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if (isDirectory(absolute)) return;
    throw new AppError("not-found", `cannot make the directory ${absolute}: ${toReason(error)}`, {
      cause: error,
    });
  }
}

/** Whether there is a directory of that name, also by way of a link. */
export function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
