import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import { runProcess } from "../support/run-cli.ts";
import { tempDir } from "../support/temp-dir.ts";

const web = fileURLToPath(new URL("../../web", import.meta.url));
const tsc = fileURLToPath(new URL("../../node_modules/.bin/tsc", import.meta.url));

test("what only Node has does not type-check in the page", async () => {
  using dir = tempDir();
  const source = `${dir.path}/uses-node.ts`;
  writeFileSync(source, "export const platform: string = process.platform;\n");
  const include = [`${web}/*.ts`, `${web}/*.tsx`, source];
  const compilerOptions = { rootDir: "/" };
  const config = {
    extends: `${web}/tsconfig.json`,
    compilerOptions,
    include,
    exclude: [`${web}/vite.config.ts`],
  };
  writeFileSync(`${dir.path}/tsconfig.json`, JSON.stringify(config));
  const { stdout } = await runProcess(tsc, ["--noEmit", "-p", dir.path], { timeoutMs: 120_000 });
  assert.match(stdout, /uses-node\.ts\(1,\d+\): error TS2\d+: Cannot find name 'process'/);
  assert.equal(stdout.match(/error TS/g)?.length, 1, stdout);
});
