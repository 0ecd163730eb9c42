import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { root, run, SetupError, timed } from "./run.mjs";

const source = join(root, "web");
const page = join(root, "dist", "web", "index.html");

function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The latest change below a folder. Folders count too: their time moves when a file is deleted. */
function latestChangeMs(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.name !== "node_modules",
  );
  const times = entries.map((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? latestChangeMs(path) : modifiedMs(path);
  });
  return Math.max(modifiedMs(folder), ...times);
}

/** Whether `dist/web` was built after the last change to `web/` and to the packages that go into it. */
export function webPageIsCurrent() {
  return modifiedMs(page) > Math.max(latestChangeMs(source), modifiedMs(join(root, "package-lock.json")));
}

/** Builds the player's page into `dist/web`, which Vite empties first. */
export async function buildWebPage() {
  await timed("building the web page", "web page built", async () => {
    const bin = join(root, "node_modules", ".bin");
    const env = { PATH: `${bin}:${process.env.PATH ?? ""}` };
    const { status, output } = await run(join(bin, "vite"), ["build", "web", "--logLevel", "warn"], env);
    if (status !== 0) throw new SetupError(`vite build web failed; this is what it said:\n${output}`);
  });
}
