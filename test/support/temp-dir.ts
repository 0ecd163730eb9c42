import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory that goes with the test. Bind it with `using`. */
export function tempDir(): Disposable & { path: string } {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "save_audio_stream-test-")));
  // Servers that give up root have to get in.
  chmodSync(path, 0o755);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
