import { statSync } from "node:fs";
import { dirname } from "node:path";

import { SingleBar } from "cli-progress";
import type { Command } from "commander";

import { requireFfmpeg } from "../audio/ffmpeg.ts";
import { AppError, type ErrorCode } from "../core/app-error.ts";
import type { SegmentHead } from "../core/segment.ts";
import { SAMPLE_RATE } from "../core/show.ts";
import { verifyShow, type VerifyReport } from "../playback/verify.ts";
import { type Library, SqliteLibrary } from "../store/library.ts";
import type { RecipientStore } from "../store/recipient-writer.ts";
import type { ShowReader } from "../store/show-reader.ts";
import { SqliteRecipientStore } from "../store/sqlite-recipient-writer.ts";
import { compareDigests } from "../sync/compare-digests.ts";
import { repairSegments } from "../sync/repair-segments.ts";
import type { SenderClient } from "../sync/sender-client.ts";
import { toServerUrl } from "./options.ts";
import { createSenderClient } from "./sender.ts";
import { orStopped } from "./stop-signals.ts";

type VerifyOptions = { remote?: URL; tokenFile?: string };

const EXAMPLES = `
Examples:
  save_audio_stream verify archive
  save_audio_stream verify archive/myradio.sqlite --remote http://sender.example:3000`;

export function addVerifyCommand(program: Command, signal: AbortSignal): void {
  program
    .command("verify")
    .description("check every segment of a database, or of all in a directory")
    .argument("<path>", "a database, or a directory of databases")
    .option(
      "--remote <url>",
      "the sender to compare with; damaged segments of its copy are fetched again",
      toServerUrl,
    )
    .option("--token-file <file>", "a file with the sender's bearer token")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, options: VerifyOptions) => {
      await requireFfmpeg();
      const library = new SqliteLibrary([path]);
      const remote = createRemote(path, options);
      const names = await library.names();
      if (names.length === 0) throw new AppError("not-found", `${path} holds no database`);
      const damaged: string[] = [];
      for (const name of names) {
        if (!(await isWell(name, { library, remote }, signal))) damaged.push(name);
      }
      if (damaged.length > 0)
        throw new AppError("corrupt", `not all is well with ${damaged.join(", ")}; see above`);
    });
}

/** The sender to compare with, and where what it sends in place of what is damaged is stored. */
type Remote = { client: SenderClient; store: RecipientStore };

function createRemote(path: string, { remote, tokenFile }: VerifyOptions): Remote | undefined {
  if (remote === undefined) return undefined;
  const directory = statSync(path).isDirectory() ? path : dirname(path);
  return { client: createSenderClient(remote, tokenFile), store: new SqliteRecipientStore(directory) };
}

type VerifySetting = { library: Library; remote: Remote | undefined };

/** What a database that cannot be read any more means: that is damage, and no reason to leave the others unchecked. */
const UNREADABLE: readonly ErrorCode[] = ["not-a-database", "corrupt", "disk-failed", "mismatch"];

async function isWell(name: string, setting: VerifySetting, signal: AbortSignal): Promise<boolean> {
  try {
    const { library, remote } = setting;
    const isSound = await isSoundOrMended(name, setting, signal);
    if (remote === undefined) return isSound;
    await using reader = await library.open(name);
    return (await compare(name, { reader, client: remote.client }, signal)) && isSound;
  } catch (error) {
    if (!(error instanceof AppError) || !UNREADABLE.includes(error.code)) throw error;
    print(`${name}: ${error.message}`);
    return false;
  }
}

/** Checks a show, and once more when damaged segments could be fetched again. */
async function isSoundOrMended(name: string, setting: VerifySetting, signal: AbortSignal): Promise<boolean> {
  const { report, isRecipient } = await check(name, setting.library, signal);
  const { faults, damaged } = report;
  const { remote } = setting;
  if (faults.length === 0) return true;
  if (remote === undefined || !isRecipient || damaged.length === 0) return false;
  const mended = await orStopped(mend(name, damaged, remote, signal), signal);
  if (mended === 0) return false;
  const { report: after } = await check(name, setting.library, signal);
  return after.faults.length === 0;
}

/** Why a repair may fail as a whole, which leaves the damage and the other databases to be told. */
const NO_REPAIR: readonly ErrorCode[] = ["mismatch", "busy", "not-found", "is-recipient"];

/** How many damaged segments are whole again; prints what came of each. */
async function mend(
  name: string,
  damaged: readonly SegmentHead[],
  remote: Remote,
  signal: AbortSignal,
): Promise<number> {
  let mended = 0;
  try {
    for await (const { segmentId, reason } of repairSegments(name, damaged, remote, signal)) {
      if (reason === undefined) mended++;
      print(`${name}: segment ${segmentId}: ${reason ?? "fetched again from the sender"}`);
    }
  } catch (error) {
    if (!(error instanceof AppError) || !NO_REPAIR.includes(error.code)) throw error;
    print(`${name}: not mended: ${error.message}`);
  }
  return mended;
}

/** Checks one show and prints what was found. */
async function check(
  name: string,
  library: Library,
  signal: AbortSignal,
): Promise<{ report: VerifyReport; isRecipient: boolean }> {
  await using reader = await library.open(name);
  const { minId, maxId } = await reader.bounds();
  const bar = process.stderr.isTTY ? createBar(name, maxId - minId + 1) : undefined;
  let report: VerifyReport;
  try {
    report = await orStopped(
      verifyShow(reader, () => bar?.increment(), signal),
      signal,
    );
  } finally {
    bar?.stop();
  }
  print(`${name}: ${toSummary(report)}`);
  for (const { segmentId, reason } of report.faults) print(`${name}: segment ${segmentId}: ${reason}`);
  return { report, isRecipient: reader.metadata.isRecipient };
}

async function compare(
  name: string,
  sides: { reader: ShowReader; client: SenderClient },
  signal: AbortSignal,
): Promise<boolean> {
  const comparison = await orStopped(compareDigests(name, sides, signal), signal);
  if (comparison === undefined)
    throw new AppError("network", `the sender has no digests of "${name}" to compare with`);
  const { compared, differing } = comparison;
  print(`${name}: ${compared} segments compared with the sender, ${differing.length} differ`);
  for (const id of differing) print(`${name}: segment ${id}: differs from the sender's`);
  return differing.length === 0;
}

function createBar(name: string, total: number): SingleBar {
  const bar = new SingleBar({
    format: `${name} {bar} {percentage} % | {value}/{total} segments | {eta_formatted} left`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(total, 0);
  return bar;
}

function toSummary(report: VerifyReport): string {
  const time = Temporal.Duration.from({ seconds: Math.round(report.durationSamples / SAMPLE_RATE) });
  const { hours, minutes, seconds } = time.round({ largestUnit: "hours" });
  const trimmed = report.trimmed === 0 ? "" : `, ${report.trimmed} trimmed`;
  const verdict = report.faults.length === 0 ? "all good" : `${report.faults.length} faults`;
  return `${report.segments} segments${trimmed}, ${hours} h ${minutes} min ${seconds} s of sound in ${report.runs} runs: ${verdict}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
