/**
 * Loaded into each thread of a program before anything else (`--import`): how late a timer comes in a thread that is no main thread,
 * which is how late a commit of the recording thread is. Written to the file that `LATENESS_FILE` names when the thread ends.
 */
import { writeFileSync } from "node:fs";
import { createHistogram } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

const EVERY_MS = 20;

/** The programs start, and code that runs often is compiled. */
const WARM_UP_MS = 15_000;

const file = process.env["LATENESS_FILE"];
if (!isMainThread && file !== undefined) {
  const histogram = createHistogram();
  let dueMs = performance.now() + WARM_UP_MS;
  const look = (): void => {
    const nowMs = performance.now();
    histogram.record(1 + Math.max(0, Math.round((nowMs - dueMs) * 1000)));
    dueMs = nowMs + EVERY_MS;
    setTimeout(look, EVERY_MS).unref();
  };
  setTimeout(look, WARM_UP_MS).unref();
  process.on("exit", () => {
    const { count } = histogram;
    const toMs = (percent: number): number => histogram.percentile(percent) / 1000;
    const [medianMs, p99Ms, maxMs] = [toMs(50), toMs(99), histogram.max / 1000];
    writeFileSync(file, JSON.stringify({ count, medianMs, p99Ms, maxMs }));
  });
}
