import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { makeDirectory } from "../../src/store/make-directory.ts";
import { runCli } from "../support/run-cli.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Its parent is there and a directory, but takes no other, and says ENOENT. */
const REFUSES = "/proc/save_audio_stream";

test("directories are made with those above them, and left alone when they are there", () => {
  using dir = tempDir();
  const path = join(dir.path, "a", "b");
  makeDirectory(path);
  makeDirectory(path);
  assert.ok(statSync(path).isDirectory());
  writeFileSync(join(path, "file"), "");
  assert.throws(() => makeDirectory(join(path, "file")), { code: "not-found" });
  assert.throws(() => makeDirectory(join(path, "file", "c")), { code: "not-found" });
});

test(
  "a recorder ends at once where its directory cannot be made",
  { skip: process.platform !== "linux" },
  async () => {
    using dir = tempDir();
    const config = join(dir.path, "record.toml");
    writeFileSync(
      config,
      `output_dir = "${REFUSES}"\n[api]\nport = 0\n[[shows]]\nname = "a"\nurl = "http://127.0.0.1:9/"\n`,
    );
    const recorded = await runCli(["record", "-c", config], { timeoutMs: 20_000 });
    assert.equal(recorded.status, 1);
    assert.match(recorded.stderr, /^error: cannot make the directory/);
  },
);
