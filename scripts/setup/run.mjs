import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the checkout lies. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** What the user has to do something about; its message says what. */
export class SetupError extends Error {}

/**
 * The directories of PATH without the `node_modules/.bin` that npm puts in front. `npm ci` empties that folder, so it
 * must not run under the Node that lies in it.
 */
export const systemPath = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((directory) => directory !== "" && !/[\\/]node_modules[\\/]\.bin[\\/]?$/.test(directory));

/** The full name of a command that is on this system, or undefined. */
export function findCommand(name) {
  return systemPath.map((directory) => join(directory, name)).find(isExecutable);
}

/** Whether a file can be started. */
export function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** One line about what goes on; on stderr, because the output of `npm pack` is read by programs. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

const children = new Set();
let endStatus;

/**
 * Ctrl-C waits for the installers to clean up behind themselves, which npm does for some seconds; otherwise the next
 * run would meet one that is still at work. A second signal ends this process at once.
 */
for (const [signal, status] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
  process.on(signal, () => {
    if (endStatus !== undefined || children.size === 0) process.exit(status);
    endStatus = status;
    say("stopping …");
    // The terminal sends SIGINT to all of them; nobody sends them the other.
    if (signal === "SIGTERM") for (const child of children) child.kill(signal);
  });
}

/**
 * Runs a command without a terminal and keeps what it prints, to be shown only when it fails: installers are wordy, and
 * none may wait for an answer. A status of undefined means that it could not be started or was killed.
 */
export function run(command, args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, PATH: systemPath.join(delimiter), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    }
    child.on("error", (error) => {
      children.delete(child);
      resolve({ status: undefined, output: `${command}: ${error.message}` });
    });
    child.on("close", (code) => {
      children.delete(child);
      if (endStatus !== undefined && children.size === 0) process.exit(endStatus);
      resolve({ status: code ?? undefined, output: output.trimEnd() });
    });
  });
}

/** Says what begins and, with its time, what has ended. */
export async function timed(doing, done, work) {
  say(`${doing} …`);
  const startMs = performance.now();
  await work();
  say(`${done} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
}
