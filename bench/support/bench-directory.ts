import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs a benchmark in a directory that is gone afterwards; the program exits with 1 when a bound is exceeded. */
export async function inBenchDirectory(run: (directory: string) => Promise<boolean>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "save_audio_stream-bench-"));
  try {
    if (!(await run(directory))) process.exitCode = 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
