import assert from "node:assert/strict";

import type { CliResult } from "./run-cli.ts";

/** Holds a failed command against the rule: its exit status, and exactly one line on stderr that says all of `says`. */
export function assertRefused(result: CliResult, status: 1 | 2, ...says: (string | RegExp)[]): void {
  assert.equal(result.status, status, `status, with stderr:\n${result.stderr}`);
  assert.match(result.stderr, /^error: [^\n]+\n$/, "one line on stderr");
  assert.ok(result.stderr.length < 2000, `the line has ${result.stderr.length} characters`);
  for (const part of says) {
    if (typeof part === "string") assert.ok(result.stderr.includes(part), `${part} in: ${result.stderr}`);
    else assert.match(result.stderr, part);
  }
  assert.doesNotMatch(result.stderr, /\n\s+at |node:internal/, "no stack");
}
