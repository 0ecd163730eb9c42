import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findCommand, root, run, SetupError, timed } from "./run.mjs";

const pinnedNode = join(root, "node_modules", ".bin", "node");

/** A JSON file of the checkout, or undefined when it is missing or was left half written. */
function readJson(...path) {
  try {
    return JSON.parse(readFileSync(join(root, ...path), "utf8"));
  } catch {
    return undefined;
  }
}

/** What a Node says about itself, such as `v26.0.0`, or undefined when it does not run on this machine. */
function versionOf(node) {
  const { status, stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** The version that everyone in a checkout runs, and whether a package brings it for this machine. */
function pin() {
  const { version, optionalDependencies } = readJson("tools", "node", "package.json");
  const platform = `${process.platform}-${process.arch}`;
  const packages = Object.keys(optionalDependencies);
  return { version: `v${version}`, packages, isPackaged: packages.some((name) => name.endsWith(platform)) };
}

/**
 * Whether `node_modules` is what the lockfile asks for, whoever installed it.
 *
 * npm leaves a copy of what it installed in `node_modules/.package-lock.json`, as its last step: an interrupted install
 * has none. Optional packages may be absent there, since most of them are for other platforms; the pinned Node, which is
 * one of them, is started instead.
 */
export function packagesAreCurrent() {
  const installed = readJson("node_modules", ".package-lock.json")?.packages;
  const locked = readJson("package-lock.json")?.packages;
  if (installed === undefined || locked === undefined) return false;
  const isInstalled = ([path, wanted]) => {
    const found = installed[path];
    if (found === undefined) return wanted.optional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  };
  const { version, isPackaged } = pin();
  return (
    Object.entries(locked)
      .filter(([path]) => path !== "")
      .every(isInstalled) &&
    Object.keys(installed).every((path) => path in locked) &&
    (!isPackaged || versionOf(pinnedNode) === version)
  );
}

/**
 * Installs what the lockfile names. Engines are not checked, because the Node that runs npm here is not the one that
 * runs the program; development packages are asked for by name, because `NODE_ENV` may hide them.
 */
export async function installPackages() {
  const args = ["ci", "--include=dev", "--include=optional", "--engine-strict=false"];
  const quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-update-notifier"];
  await timed("installing the npm packages (npm ci)", "npm packages installed", async () => {
    const { status, output } = await run("npm", [...args, ...quiet]);
    if (status !== 0) throw new SetupError(`npm ci failed; this is what it said:\n${output}`);
  });
}

/** Makes sure that a Node which can run the program is there: the pinned one, or one in PATH that is new enough. */
export function requireNode() {
  const { version, packages } = pin();
  const pinned = versionOf(pinnedNode);
  if (pinned === version) return;
  const own = findCommand("node");
  const ownVersion = own === undefined ? undefined : versionOf(own);
  const major = (text) => Number(/\d+/.exec(text ?? "0")?.[0]);
  const needed = major(readJson("package.json").engines.node);
  if (pinned === undefined && major(ownVersion) >= needed) return;
  throw new SetupError(
    `the pinned Node ${version} does not run here (${process.platform}-${process.arch}; it found ${pinned ?? "none"}). ` +
      `It comes with ${packages.join(", ")}. On another system, install Node ${needed} or newer ` +
      "(https://nodejs.org/), so that `node --version` in PATH says so, and try again.",
  );
}
