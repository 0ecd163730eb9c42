import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every file below a directory with the SHA-256 of its bytes, and every directory; empty when it does not exist. */
export function snapshot(directory: string): Record<string, string> {
  if (!existsSync(directory)) return {};
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    entries
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path, entry.isDirectory() ? "directory" : toHash(path)] as const;
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function toHash(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
