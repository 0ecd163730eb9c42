#!/usr/bin/env node
import { enableCompileCache } from "node:module";

import { letHeapGrow } from "./core/garbage.ts";

enableCompileCache();
letHeapGrow();

// Whoever read the output may go away, as `head` does. That is no reason to stop recording.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

const { runProgram } = await import("./cli/program.ts");
process.exitCode = await runProgram(process.argv.slice(2));
