/**
 * Prepares a checkout for `npm run demo` and, with `--test`, for `npm test`.
 *
 * Plain JavaScript for Node 20 without dependencies, because it runs before anything is installed. Everything that is
 * in place already is only looked at, so a second run costs a fraction of a second and prints nothing.
 */
import { packagesAreCurrent, installPackages, requireNode } from "./setup/packages.mjs";
import { SetupError } from "./setup/run.mjs";
import { installTools, missingTools, planInstall } from "./setup/tools.mjs";
import { buildWebPage, webPageIsCurrent } from "./setup/web-page.mjs";

/**
 * Finds out first what cannot be installed, so that nobody waits for npm only to be sent away. The two downloads then
 * run side by side; both are waited for, because stopping apt half-way leaves work for the user.
 */
async function setUp(forTests) {
  const missing = missingTools(forTests);
  const plan = missing.length === 0 ? undefined : await planInstall(missing);
  const downloads = [];
  if (plan !== undefined) downloads.push(installTools(missing, plan));
  if (!packagesAreCurrent()) downloads.push(installPackages());
  for (const download of await Promise.allSettled(downloads)) {
    if (download.status === "rejected") throw download.reason;
  }
  requireNode();
  if (!webPageIsCurrent()) await buildWebPage();
}

try {
  await setUp(process.argv.includes("--test"));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}
