import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import type { Command } from "commander";

import { toWholeNumber } from "../src/cli/options.ts";
import type { RunningProcess } from "../test/support/run-cli.ts";
import {
  type BenchShow,
  SHOWS_TEXT,
  startBenchStation,
  startPlainFfmpeg,
  startRecorder,
} from "./support/bench-shows.ts";
import { findAllFaults, type Span } from "./support/check-show.ts";
import { inBenchDirectory } from "./support/bench-directory.ts";
import { describeMachine, readBusyTimes, toBusyCores } from "./support/machine.ts";
import { readCpuSeconds, readPssBytes } from "./support/process-tree.ts";
import { say, toVerdict } from "./support/verdict.ts";

/** Processor time of `record` against plain ffmpeg's. */
const CPU_RATIO_MAX = 1.25;

const MEGABYTE = 1e6;
const MEGABYTES_PER_SHOW_MAX = 16;

/** Programs start, the burst is encoded, and code that runs often is compiled; none of it is live pace. */
const WARM_UP_MS = 15_000;

/** After a measurement, so that its last second is in the sound as a whole, and one more behind it. */
const TAIL_MS = 2000;

type Options = { shows: number; seconds: number };

/** Processors that were busy on average: with the programs that are measured, with the station, with everything. */
type Load = { cores: number; stationCores: number; allCores: number };

type Bench = { station: RunningProcess; shows: readonly BenchShow[]; directory: string };

/** What `record` was measured to do with all shows. */
type Recorded = { load: Load; pssBytes: number; span: Span };

/**
 * `record` with many shows at live pace, against as many plain ffmpegs that do the same transcodes from the same station.
 *
 * Plain ffmpeg is measured before and after, for half of the time each, so that a machine that grows slower or faster
 * in the meantime favours neither.
 */
export function addRecordBench(program: Command): void {
  program
    .command("record")
    .description("processor time, memory and completeness of many shows at once")
    .option("--shows <count>", "shows at once", toWholeNumber(2, 500), 50)
    .option("--seconds <count>", "how long each side is measured", toWholeNumber(4, 86_400), 300)
    .action((options: Options) => inBenchDirectory((directory) => runBench(directory, options)));
}

async function runBench(directory: string, { shows: count, seconds }: Options): Promise<boolean> {
  say(describeMachine());
  say(`${count} shows for ${seconds} s, ${SHOWS_TEXT}`);
  const { process: station, shows } = await startBenchStation(count);
  await using _station = station;
  const bench = { station, shows, directory };
  say("one show ...");
  const onePssBytes = await measureOneShow(bench);
  say("plain ffmpeg, first half ...");
  const before = await measurePlain(bench, (seconds / 2) * 1000);
  say("record ...");
  const recorded = await measureRecord(bench, seconds * 1000);
  say("plain ffmpeg, second half ...");
  const after = await measurePlain(bench, (seconds / 2) * 1000);
  await station.stop();
  say("reading what was recorded ...\n");
  const faults = await findAllFaults(directory, shows, recorded.span);
  printLoads([
    ["plain ffmpeg, before", before],
    ["record", recorded.load],
    ["plain ffmpeg, after", after],
  ]);
  const ratio = recorded.load.cores / ((before.cores + after.cores) / 2);
  const megabytes = (recorded.pssBytes - onePssBytes) / MEGABYTE / (count - 1);
  const verdicts = [
    toVerdict("CPU, record ÷ plain ffmpeg", ratio, { max: CPU_RATIO_MAX }),
    toVerdict("MB for each further show", megabytes, { max: MEGABYTES_PER_SHOW_MAX }),
    toVerdict("shows that are not whole", faults.length, { max: 0 }),
  ];
  say(`\nmemory (PSS) of 1 show ${toMb(onePssBytes)} MB, of ${count} shows ${toMb(recorded.pssBytes)} MB\n`);
  for (const { text } of verdicts) say(text);
  for (const fault of faults) say(`  ${fault}`);
  return verdicts.every(({ isGood }) => isGood);
}

/** Memory of `record` with one show, for what all shows share. */
async function measureOneShow({ shows, directory }: Bench): Promise<number> {
  const home = join(directory, "one");
  mkdirSync(home);
  await using recorder = await startRecorder(home, shows.slice(0, 1));
  await delay(WARM_UP_MS);
  return readPssBytes([recorder.pid]);
}

async function measurePlain({ station, shows, directory }: Bench, ms: number): Promise<Load> {
  const children = shows.map((show) => startPlainFfmpeg(directory, show));
  try {
    await delay(WARM_UP_MS);
    const load = await measureLoad({ programs: children, station }, ms);
    const ended = children.find(({ child }) => child.exitCode !== null || child.signalCode !== null);
    if (ended !== undefined) throw new Error(`a plain ffmpeg ended: ${ended.stderr}`);
    return load;
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

async function measureRecord({ station, shows, directory }: Bench, ms: number): Promise<Recorded> {
  await using recorder = await startRecorder(directory, shows);
  await delay(WARM_UP_MS);
  const fromMs = Date.now();
  const load = await measureLoad({ programs: [recorder], station }, ms);
  const span = { fromMs, toMs: Date.now() };
  const pssBytes = readPssBytes([recorder.pid]);
  await delay(TAIL_MS);
  const { status, stderr } = await recorder.stop();
  if (status !== 0) throw new Error(`record ended with ${status}: ${stderr}`);
  return { load, pssBytes, span };
}

async function measureLoad(
  { programs, station }: { programs: readonly RunningProcess[]; station: RunningProcess },
  ms: number,
): Promise<Load> {
  const pids = programs.map(({ pid }) => pid);
  const look = (): { cpuS: number; stationCpuS: number; atMs: number } => ({
    cpuS: readCpuSeconds(pids),
    stationCpuS: readCpuSeconds([station.pid]),
    atMs: performance.now(),
  });
  const busy = readBusyTimes();
  const first = look();
  await delay(ms);
  const last = look();
  const seconds = (last.atMs - first.atMs) / 1000;
  return {
    cores: (last.cpuS - first.cpuS) / seconds,
    stationCores: (last.stationCpuS - first.stationCpuS) / seconds,
    allCores: toBusyCores(busy, readBusyTimes()),
  };
}

function printLoads(rows: readonly (readonly [string, Load])[]): void {
  say("cores busy on average   measured  station  everything");
  for (const [name, { cores, stationCores, allCores }] of rows) {
    const cells = [toCell(cores, 9), toCell(stationCores, 9), toCell(allCores, 12)];
    say(`${name.padEnd(23)}${cells.join("")}`);
  }
}

function toCell(value: number, width: number): string {
  return value.toFixed(3).padStart(width);
}

function toMb(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(0);
}
