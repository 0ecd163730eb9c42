import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";

import type { Command } from "commander";

import { toWholeNumber } from "../src/cli/options.ts";
import { startProcess } from "../test/support/run-cli.ts";
import { createBenchDatabase } from "./support/bench-database.ts";
import { inBenchDirectory } from "./support/bench-directory.ts";
import { SHOWS_TEXT, startBenchStation, startRecorder } from "./support/bench-shows.ts";
import { findAllFaults, type Span } from "./support/check-show.ts";
import { describeMachine } from "./support/machine.ts";
import { say, toVerdict } from "./support/verdict.ts";

const P99_MS_MAX = 10;

/** What the receivers pull besides what is being recorded. */
const OLD_SHOW = "old";
const OLD_ROWS = { rows: 10_000, rowBytes: 20_000 };

/** Programs start, and the burst is encoded. */
const WARM_UP_MS = 20_000;
const TAIL_MS = 2000;

type Options = { shows: number; receivers: number; seconds: number };

/** How late timers came in the recording thread. */
type Lateness = { count: number; medianMs: number; p99Ms: number; maxMs: number };

/** `record` with many shows while many receivers pull at once: recording must not notice. */
export function addReceiversBench(program: Command): void {
  program
    .command("receivers")
    .description("how late the recorder comes while many receivers pull at once")
    .option("--shows <count>", "shows at once", toWholeNumber(1, 500), 50)
    .option("--receivers <count>", "receivers at once", toWholeNumber(1, 1000), 64)
    .option("--seconds <count>", "how long they pull", toWholeNumber(4, 86_400), 60)
    .action((options: Options) => inBenchDirectory((directory) => runBench(directory, options)));
}

async function runBench(directory: string, options: Options): Promise<boolean> {
  say(describeMachine());
  say(`${options.shows} shows, ${SHOWS_TEXT}; ${options.receivers} receivers for ${options.seconds} s`);
  const alone = await measure(join(directory, "alone"), { ...options, receivers: 0 });
  const busy = await measure(join(directory, "busy"), options);
  say("\nlateness in the recording thread, ms   median     p99     most");
  for (const [name, { lateness }] of [
    ["alone", alone],
    ["with receivers", busy],
  ] as const) {
    const cells = [lateness.medianMs, lateness.p99Ms, lateness.maxMs].map((ms) => ms.toFixed(1).padStart(8));
    say(`${name.padEnd(37)}${cells.join("")}`);
  }
  say(`\n${(busy.bytes / 1e6 / options.seconds).toFixed(0)} MB/s were pulled\n`);
  const verdicts = [
    toVerdict("p99 of the lateness with receivers, ms", busy.lateness.p99Ms, { max: P99_MS_MAX }),
    toVerdict("shows that are not whole", busy.faults.length, { max: 0 }),
  ];
  for (const { text } of verdicts) say(text);
  for (const fault of busy.faults) say(`  ${fault}`);
  return verdicts.every(({ isGood }) => isGood);
}

type Measured = { lateness: Lateness; bytes: number; faults: string[] };

async function measure(home: string, { shows: count, receivers, seconds }: Options): Promise<Measured> {
  mkdirSync(join(home, "recordings"), { recursive: true });
  createBenchDatabase(join(home, "recordings", `${OLD_SHOW}.sqlite`), OLD_SHOW, OLD_ROWS);
  const { process: station, shows } = await startBenchStation(count);
  await using _station = station;
  const file = join(home, "lateness.json");
  const recorder = await startRecorder(home, shows, {
    nodeArgs: ["--import", fileURLToPath(new URL("support/lateness-probe.ts", import.meta.url))],
    env: { LATENESS_FILE: file },
  });
  await using _recorder = recorder;
  await delay(WARM_UP_MS);
  const [, url = ""] = await recorder.waitForLine(/player at (http:\S+)/);
  const fromMs = Date.now();
  const bytes = await pull({ url, receivers, seconds });
  const span: Span = { fromMs, toMs: Date.now() };
  await delay(TAIL_MS);
  const { status, stderr } = await recorder.stop();
  if (status !== 0) throw new Error(`record ended with ${status}: ${stderr}`);
  const faults = await findAllFaults(home, shows, span);
  const lateness: Lateness = JSON.parse(readFileSync(file, "utf8"));
  return { lateness, bytes, faults };
}

/** Bytes that all receivers were sent. */
async function pull(what: { url: string; receivers: number; seconds: number }): Promise<number> {
  if (what.receivers === 0) {
    await delay(what.seconds * 1000);
    return 0;
  }
  const script = fileURLToPath(new URL("support/puller-process.ts", import.meta.url));
  await using puller = startProcess(process.execPath, [script, what.url, OLD_SHOW, String(what.receivers)]);
  await delay(what.seconds * 1000);
  const { stdout, stderr } = await puller.stop();
  const [, bytes] = /^bytes (\d+)$/m.exec(stdout) ?? [];
  if (bytes === undefined) throw new Error(`the receivers ended: ${stderr}`);
  return Number(bytes);
}
