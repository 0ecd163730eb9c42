import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { Command } from "commander";

import { toWholeNumber } from "../src/cli/options.ts";
import { appendRows, createBenchDatabase } from "./support/bench-database.ts";
import { inBenchDirectory } from "./support/bench-directory.ts";
import { describeMachine } from "./support/machine.ts";
import { buildProgram, moveBySync, startBenchSender } from "./support/sync-sides.ts";
import { takeTurns, toMedian } from "./support/take-turns.ts";
import { say, toVerdict } from "./support/verdict.ts";

const MEGABYTE = 1e6;
const ROW_BYTES = 600_000;

/** How much more the large show has. */
const GROWTH = 10;
const RATIO_MAX = 1.2;

/** What is new at each pass. */
const NEW_PERCENT = 1;

type Options = { megabytes: number; runs: number };

/** A later pass of `sync` into an archive and into one that is ten times as large; both and their senders need 22 GB of disk. */
export function addSyncGrowthBench(program: Command): void {
  program
    .command("sync-growth")
    .description("time of a later pass against how much is there already; needs 22 times --megabytes of disk")
    .option("--megabytes <count>", "audio of the small show", toWholeNumber(1, 10_000), 1000)
    .option("--runs <count>", "of each show, taken in turn; medians are shown", toWholeNumber(1, 99), 9)
    .action((options: Options) => inBenchDirectory((directory) => runBench(directory, options)));
}

async function runBench(directory: string, { megabytes, runs }: Options): Promise<boolean> {
  say(describeMachine());
  buildProgram();
  const rows = Math.round((megabytes * MEGABYTE) / ROW_BYTES);
  const newRows = Math.max(1, Math.round((rows * NEW_PERCENT) / 100));
  await using small = await fillShow(join(directory, "small"), rows);
  await using large = await fillShow(join(directory, "large"), rows * GROWTH);
  const moves = await takeTurns(
    { small: () => small.moveMore(newRows), large: () => large.moveMore(newRows) },
    runs,
  );
  const [smallSeconds, largeSeconds] = ["small", "large"].map((name) => toMedian(moves.get(name) ?? []));
  const ratio = (largeSeconds ?? 0) / (smallSeconds ?? 1);
  const verdict = toVerdict(`a pass into ${GROWTH} times as much ÷ one into ${megabytes} MB`, ratio, {
    max: RATIO_MAX,
  });
  say(verdict.text);
  return verdict.isGood;
}

/** A show that is held already. `moveMore` records more of it and brings that home. */
async function fillShow(
  directory: string,
  rows: number,
): Promise<AsyncDisposable & { moveMore: (rows: number) => ReturnType<typeof moveBySync> }> {
  say(`${rows} rows of ${ROW_BYTES} bytes are recorded and brought home ...`);
  const senderDirectory = join(directory, "sender");
  const source = join(senderDirectory, "a.sqlite");
  const target = join(directory, "archive");
  mkdirSync(senderDirectory, { recursive: true });
  createBenchDatabase(source, "a", { rows, rowBytes: ROW_BYTES });
  await using stack = new AsyncDisposableStack();
  const sender = await startBenchSender(senderDirectory, "cbor");
  stack.use(sender.process);
  await moveBySync(sender, target);
  const kept = stack.move();
  return {
    moveMore: (newRows) => {
      appendRows(source, { rows: newRows, rowBytes: ROW_BYTES });
      return moveBySync(sender, target);
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
