import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { Command } from "commander";

import { toWholeNumber } from "../src/cli/options.ts";
import { appendRows, createBenchDatabase, deleteOldest } from "./support/bench-database.ts";
import { inBenchDirectory } from "./support/bench-directory.ts";
import { describeMachine } from "./support/machine.ts";
import { type RsyncDaemon, startRsyncDaemon } from "./support/rsync-daemon.ts";
import {
  type BenchSender,
  buildProgram,
  isInstalled,
  type Move,
  moveByCurl,
  moveByRsync,
  moveBySync,
  readSentBytes,
  removeAll,
  startBenchSender,
} from "./support/sync-sides.ts";
import { takeTurns, toMedian } from "./support/take-turns.ts";
import { say, toVerdict, type Verdict } from "./support/verdict.ts";

/** Ten seconds of 16 kbit/s, and five minutes. */
const ROW_BYTES = [20_000, 600_000] as const;

const MEGABYTE = 1e6;

/** First fill against `curl` and a flush of what it wrote. */
const FILL_RATIO_MAX = 1.7;
/** rsync copies the file in a way of its own. */
const FILL_RSYNC_RATIO_MAX = 1;
const RSS_MEGABYTES_MAX = 160;
/** A sender that knows no other format, against CBOR; rows of 20 KB. */
const JSON_RATIO_MIN = 3.5;
/** Of what is new: bytes on the wire, and the time that the nearest tool takes. */
const WIRE_RATIO_MAX = 1.01;
const RSYNC_RATIO_MIN = 5;

/** What changes between two passes. */
const NEW_PERCENT = 1;
const DELETED_PERCENT = 5;

type Options = { megabytes: number; runs: number };

type Bench = {
  directory: string;
  rows: number;
  rowBytes: number;
  cbor: BenchSender;
  json: BenchSender;
  /** Where it is installed. */
  rsync: RsyncDaemon | undefined;
};

/** `sync` of one large show against tools that copy its file. */
export function addSyncBench(program: Command): void {
  program
    .command("sync")
    .description("time, memory and bytes of a first fill and of a later pass")
    .option("--megabytes <count>", "audio of the show", toWholeNumber(1, 100_000), 1000)
    .option("--runs <count>", "of each side, taken in turn; medians are shown", toWholeNumber(1, 99), 3)
    .action((options: Options) => inBenchDirectory((directory) => runBench(directory, options)));
}

async function runBench(directory: string, { megabytes, runs }: Options): Promise<boolean> {
  say(describeMachine());
  buildProgram();
  const verdicts: Verdict[] = [];
  for (const rowBytes of ROW_BYTES) {
    const rows = Math.round((megabytes * MEGABYTE) / rowBytes);
    say(`\n${rows} rows of ${rowBytes} bytes`);
    const home = join(directory, String(rowBytes));
    verdicts.push(...(await benchRows(home, { rows, rowBytes, runs })));
    removeAll(home);
  }
  say("");
  for (const { text } of verdicts) say(text);
  return verdicts.every(({ isGood }) => isGood);
}

async function benchRows(
  directory: string,
  { rows, rowBytes, runs }: { rows: number; rowBytes: number; runs: number },
): Promise<Verdict[]> {
  const senderDirectory = join(directory, "sender");
  mkdirSync(senderDirectory, { recursive: true });
  createBenchDatabase(join(senderDirectory, "a.sqlite"), "a", { rows, rowBytes });
  const [cbor, json] = [
    await startBenchSender(senderDirectory, "cbor"),
    await startBenchSender(senderDirectory, "json"),
  ];
  await using _cbor = cbor.process;
  await using _json = json.process;
  const rsync = isInstalled("rsync") ? await startRsyncDaemon(senderDirectory, directory) : undefined;
  await using _rsync = rsync?.process;
  const bench = { directory, rows, rowBytes, cbor, json, rsync };
  return [...(await benchFill(bench, runs)), ...(await benchIncremental(bench, runs))];
}

async function benchFill(
  { directory, rowBytes, cbor, json, rsync }: Bench,
  runs: number,
): Promise<Verdict[]> {
  const target = join(directory, "copy");
  const moveAnew = (move: (target: string) => Promise<Move>): (() => Promise<Move>) => {
    return async () => {
      try {
        return await move(target);
      } finally {
        removeAll(target);
      }
    };
  };
  const sides: Record<string, () => Promise<Move>> = {
    curl: moveAnew((to) => moveByCurl(cbor, to)),
    sync: moveAnew((to) => moveBySync(cbor, to)),
    ...(rsync === undefined ? {} : { rsync: moveAnew((to) => moveByRsync(rsync, to)) }),
    ...(rowBytes === ROW_BYTES[0] ? { "sync, JSON": moveAnew((to) => moveBySync(json, to)) } : {}),
  };
  const moves = await takeTurns(sides, runs);
  const toSeconds = (name: string): number => toMedian(moves.get(name) ?? []);
  const [curl, sync, slow, copied] = ["curl", "sync", "sync, JSON", "rsync"].map(toSeconds);
  const rssMegabytes = Math.max(...(moves.get("sync") ?? []).map((move) => move.rssBytes)) / MEGABYTE;
  const rowText = `rows of ${rowBytes / 1000} KB`;
  return [
    toVerdict(`first fill ÷ curl, ${rowText}`, (sync ?? 0) / (curl ?? 1), { max: FILL_RATIO_MAX }),
    ...(copied === undefined || copied === 0
      ? []
      : [toVerdict(`first fill ÷ rsync, ${rowText}`, (sync ?? 0) / copied, { max: FILL_RSYNC_RATIO_MAX })]),
    toVerdict(`MB of memory, ${rowText}`, rssMegabytes, { max: RSS_MEGABYTES_MAX }),
    ...(slow === undefined || slow === 0
      ? []
      : [toVerdict(`JSON ÷ CBOR, ${rowText}`, slow / (sync ?? 1), { min: JSON_RATIO_MIN })]),
  ];
}

async function benchIncremental(
  { directory, rows, rowBytes, cbor, rsync }: Bench,
  runs: number,
): Promise<Verdict[]> {
  const source = join(directory, "sender", "a.sqlite");
  const target = join(directory, "later");
  const copied = join(directory, "copied");
  await moveBySync(cbor, target);
  await moveByCurl(cbor, copied);
  const newRows = Math.max(1, Math.round((rows * NEW_PERCENT) / 100));
  let wireBytes = 0;
  const sides: Record<string, () => Promise<Move>> = {
    "sync, later": async () => {
      appendRows(source, { rows: newRows, rowBytes });
      deleteOldest(source, Math.round((rows * DELETED_PERCENT) / 100));
      const sentBytes = await readSentBytes(cbor);
      const move = await moveBySync(cbor, target);
      wireBytes += (await readSentBytes(cbor)) - sentBytes;
      return move;
    },
  };
  if (rsync !== undefined) sides["rsync --inplace"] = () => moveByRsync(rsync, copied, ["--inplace"]);
  const moves = await takeTurns(sides, runs);
  return toIncrementalVerdicts(moves, { rowBytes, wireRatio: wireBytes / (runs * newRows * rowBytes) });
}

function toIncrementalVerdicts(
  moves: ReadonlyMap<string, Move[]>,
  { rowBytes, wireRatio }: { rowBytes: number; wireRatio: number },
): Verdict[] {
  const rowText = `rows of ${rowBytes / 1000} KB`;
  const sync = toMedian(moves.get("sync, later") ?? []);
  const rsync = moves.get("rsync --inplace");
  return [
    toVerdict(`bytes on the wire ÷ new audio, ${rowText}`, wireRatio, { max: WIRE_RATIO_MAX }),
    ...(rsync === undefined
      ? []
      : [toVerdict(`rsync --inplace ÷ sync, ${rowText}`, toMedian(rsync) / sync, { min: RSYNC_RATIO_MIN })]),
  ];
}
