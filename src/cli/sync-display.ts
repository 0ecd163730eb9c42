import { SingleBar } from "cli-progress";

import type { PassSetting } from "../sync/sync-pass.ts";
import type { SyncSummary } from "../sync/sync-show.ts";

/** A rate of less is a guess. */
const RATE_SECONDS_MIN = 0.5;

/** What a person or a script sees of a pass. Whoever creates it ends it. */
export type SyncDisplay = Disposable & Pick<PassSetting, "onProgress" | "onShow">;

/** A bar on a terminal, a line per show otherwise; JSON lines or nothing when that was asked for. */
export function createSyncDisplay(options: { quiet?: true; json?: true }): SyncDisplay {
  if (options.quiet === true) return createDisplay(undefined, () => "");
  if (options.json === true) return createDisplay(undefined, toJsonLine);
  return createDisplay(process.stderr.isTTY ? createBar() : undefined, toLine);
}

function createDisplay(bar: SingleBar | undefined, toText: (summary: SyncSummary) => string): SyncDisplay {
  let started: { name: string; atMs: number } | undefined;
  let bytesBefore = 0;
  return {
    onProgress: (progress, place) => {
      const isNew = started?.name !== progress.name;
      if (started === undefined || isNew) started = { name: progress.name, atMs: performance.now() };
      const seconds = (performance.now() - started.atMs) / 1000;
      const done = {
        show: progress.name,
        megabytes: toMegabytes(progress.bytes),
        rate: seconds < RATE_SECONDS_MIN ? "…" : toMegabytes(progress.bytes / seconds),
        overall: toOverall(place, bytesBefore + progress.bytes),
      };
      const firstId = progress.cursor - progress.segments;
      if (isNew) bar?.start(progress.targetId - firstId, 0, done);
      bar?.update(progress.cursor - firstId, done);
    },
    onShow: (summary) => {
      bar?.stop();
      bytesBefore += summary.bytes;
      process.stdout.write(toText(summary));
    },
    [Symbol.dispose]: () => bar?.stop(),
  };
}

function createBar(): SingleBar {
  return new SingleBar({
    format:
      "{show} {bar} {percentage} % | {value}/{total} segments | {megabytes} MB | {rate} MB/s | {eta_formatted} left{overall}",
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    etaBuffer: 50,
  });
}

function toOverall({ index, count }: { index: number; count: number }, bytes: number): string {
  return count === 1 ? "" : ` | show ${index + 1} of ${count}, ${toMegabytes(bytes)} MB in all`;
}

function toLine(summary: SyncSummary): string {
  const { name, segments, bytes, lastSyncedId } = summary;
  const done =
    segments === 0
      ? `nothing new since segment ${lastSyncedId}`
      : `${segments} segments (${toMegabytes(bytes)} MB), up to segment ${lastSyncedId}`;
  return `${[`${name}: ${done}`, ...toRemarks(summary)].join("; ")}\n`;
}

/** What is not as one would expect, and why. */
function toRemarks({ isReplaced, skipped, holes }: SyncSummary): string[] {
  const remarks: string[] = [];
  if (isReplaced) remarks.push("the sender was replaced: went on with the new one");
  const span = holes === undefined ? "" : `, from ${toTime(holes.startMs)} to ${toTime(holes.endMs)}`;
  if (skipped > 0) remarks.push(`${skipped} had been deleted at the sender before${span}`);
  else if (holes !== undefined) remarks.push(`nothing is there${span.slice(1)}`);
  return remarks;
}

function toJsonLine({ lastSyncedId, isReplaced, holes, ...counts }: SyncSummary): string {
  const span = holes === undefined ? undefined : { start_ms: holes.startMs, end_ms: holes.endMs };
  return `${JSON.stringify({ ...counts, holes: span, replaced: isReplaced || undefined, last_synced_id: lastSyncedId })}\n`;
}

function toMegabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}
