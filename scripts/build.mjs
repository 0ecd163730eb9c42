/**
 * Builds what the published package holds: the web page in `dist/web` and the server as JavaScript in `dist`, since Node
 * strips no types below `node_modules`. With `--web` it builds the page alone, which is all that a checkout needs.
 *
 * `npm pack` runs both; the page is built only when it is older than its source, so it is built once.
 */
import { chmodSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, run, SetupError, timed } from "./setup/run.mjs";
import { buildWebPage, webPageIsCurrent } from "./setup/web-page.mjs";

const dist = join(root, "dist");
const main = join(dist, "main.js");

/** Files of an earlier build would be published too, so all but the page goes first. */
function clean() {
  for (const name of readdirSync(dist)) {
    if (name !== "web") rmSync(join(dist, name), { recursive: true });
  }
}

async function compile() {
  const bin = join(root, "node_modules", ".bin");
  const env = { PATH: `${bin}:${process.env.PATH ?? ""}` };
  const { status, output } = await run(join(bin, "tsc"), ["-p", "tsconfig.build.json"], env);
  if (status !== 0) throw new SetupError(`tsc failed; this is what it said:\n${output}`);
  if (!readFileSync(main, "utf8").startsWith("#!/usr/bin/env node\n")) {
    throw new SetupError("dist/main.js cannot be started: src/main.ts must begin with #!/usr/bin/env node");
  }
  chmodSync(main, 0o755);
}

try {
  if (!webPageIsCurrent()) await buildWebPage();
  if (!process.argv.includes("--web")) {
    clean();
    await timed("compiling the server", "server compiled", compile);
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}
