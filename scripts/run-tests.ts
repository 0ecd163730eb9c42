/**
 * Runs the tests named as arguments, by default all of them, under Node's own runner.
 *
 * It differs from `node --test` in three points: finding no test is a failure, a test file that does not end is one too,
 * and the last lines are the counts as plain `# tests N`, where the runner's readable report puts its list of failures.
 */
import { finished } from "node:stream/promises";
import { availableParallelism } from "node:os";
import { run } from "node:test";
import { spec } from "node:test/reporters";

/** For one test and for a whole file; what takes longer hangs. */
const timeoutMs = 300_000;

/** Between asking the children of a run to end and leaving without them. */
const graceMs = 10_000;

/** Fewer would leave a core idle, more would make tests that wait for real time miss it. */
const concurrency = Math.max(2, Math.min(4, availableParallelism()));

const hung = new AbortController();
const patterns = process.argv.slice(2);
const events = run({
  globPatterns: patterns.length > 0 ? patterns : ["test/**/*.test.ts"],
  concurrency,
  timeout: timeoutMs,
  signal: hung.signal,
});

/**
 * The runner limits the time of a test, but waits for ever for a file whose tests are done and whose event loop is not
 * empty. The events of a file as a whole are those that its own process did not send, so they have no `entryFile`.
 */
const timers = new Map<string, NodeJS.Timeout>();
events.on("test:dequeue", ({ name, ...event }) => {
  if (event.nesting > 0 || "entryFile" in event) return;
  const stop = (): void => {
    process.stderr.write(`error: ${name} did not end within ${timeoutMs / 1000} s; the run stops\n`);
    hung.abort();
    setTimeout(() => process.exit(1), graceMs).unref();
  };
  timers.set(name, setTimeout(stop, timeoutMs));
});
events.on("test:complete", ({ name, ...event }) => {
  if (event.nesting === 0 && !("entryFile" in event)) clearTimeout(timers.get(name));
});

let success = false;
let counts: readonly [string, number][] = [];
events.on("test:summary", (summary) => {
  if (summary.file !== undefined) return;
  const { tests, passed, cancelled, skipped, todo } = summary.counts;
  const fail = tests - passed - cancelled - skipped - todo;
  success = summary.success && tests > 0;
  counts = Object.entries({ tests, pass: passed, fail, cancelled, skipped, todo });
});

const report = events.compose(new spec());
report.pipe(process.stdout, { end: false });
await finished(report);
if (!success && !counts.some(([name, count]) => name === "tests" && count > 0)) {
  process.stderr.write("error: no test was found\n");
}
for (const [name, count] of counts) process.stdout.write(`# ${name} ${count}\n`);
process.exitCode = success ? 0 : 1;
