import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system in memory, where there is one: a simulated day commits as often as a real one. */
const MEMORY = "/dev/shm";

/** A directory for databases that nobody needs afterwards; the caller removes it. */
export function createSimulationDirectory(): string {
  return mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "save_audio_stream-simulation-"));
}
