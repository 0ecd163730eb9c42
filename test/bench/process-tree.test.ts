import assert from "node:assert/strict";
import { test } from "node:test";

import { readCpuSeconds, readPssBytes } from "../../bench/support/process-tree.ts";
import { startProcess } from "../support/run-cli.ts";

/** Code that uses up 0.4 s of processor time and tells how much it really was, in microseconds. */
function toBurn(name: string): string {
  return `
    const toUsed = () => process.cpuUsage().user + process.cpuUsage().system;
    while (toUsed() < 400_000) for (let turn = 0; turn < 1e6; turn++);
    console.log("${name} used " + toUsed());`;
}

/** What a process uses to print its line and to wait, and what is cut off from each time. */
const OTHER_SECONDS_MAX = 0.2;

test("the time of children counts while they run and after they have ended", async () => {
  await using parent = startProcess(process.execPath, [
    "-e",
    `const { execFileSync, spawn } = require("node:child_process");
     execFileSync(process.execPath, ["-e", ${JSON.stringify(toBurn("ended"))}], { stdio: "inherit" });
     const code = ${JSON.stringify(`${toBurn("living")} setInterval(() => {}, 1000);`)};
     const living = spawn(process.execPath, ["-e", code], { stdio: "inherit" });
     const { user, system } = process.cpuUsage();
     console.log("parent used " + (user + system));
     process.once("SIGTERM", () => { living.kill("SIGKILL"); process.exit(); });`,
  ]);
  let told = 0;
  for (const name of ["ended", "living", "parent"]) {
    const [, used] = await parent.waitForLine(new RegExp(`^${name} used (\\d+)$`), 60_000);
    told += Number(used) / 1e6;
  }
  const seconds = readCpuSeconds([parent.pid]);
  assert.ok(Math.abs(seconds - told) < OTHER_SECONDS_MAX, `${seconds} s, the processes say ${told} s`);
});

test("the memory of children counts", async () => {
  await using parent = startProcess(process.execPath, [
    "-e",
    `const { spawn } = require("node:child_process");
     const code = "globalThis.held = Buffer.alloc(100_000_000, 1); console.log('held'); setInterval(() => {}, 1000)";
     const living = spawn(process.execPath, ["-e", code], { stdio: "inherit" });
     process.once("SIGTERM", () => { living.kill("SIGKILL"); process.exit(); });`,
  ]);
  await parent.waitForLine(/^held$/, 60_000);
  const bytes = readPssBytes([parent.pid]);
  assert.ok(bytes >= 100_000_000 && bytes < 400_000_000, `${bytes} bytes`);
});

test("a process that has ended costs nothing", async () => {
  const process_ = startProcess(process.execPath, ["-e", ""]);
  const { pid } = process_;
  await process_.exited;
  assert.deepEqual([readCpuSeconds([pid]), readPssBytes([pid])], [0, 0]);
});
