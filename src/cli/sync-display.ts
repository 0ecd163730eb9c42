import { SingleBar } from "cli-progress";

import type { SyncProgress, SyncSummary } from "../sync/sync-show.ts";

/** A rate of less is a guess. */
const RATE_SECONDS_MIN = 0.5;

/** What a person or a script sees of a pass. Whoever creates it ends it. */
export type SyncDisplay = Disposable & {
  onProgress: (progress: SyncProgress) => void;
  onShow: (summary: SyncSummary) => void;
};

/** A bar on a terminal, a line per show otherwise; JSON lines or nothing when that was asked for. */
export function createSyncDisplay(options: { quiet?: true; json?: true }): SyncDisplay {
  if (options.quiet === true) return createDisplay(undefined, () => "");
  if (options.json === true) return createDisplay(undefined, toJsonLine);
  return createDisplay(process.stderr.isTTY ? createBar() : undefined, toLine);
}

function createDisplay(bar: SingleBar | undefined, toText: (summary: SyncSummary) => string): SyncDisplay {
  let started: { name: string; atMs: number } | undefined;
  return {
    onProgress: (progress) => {
      const isNew = started?.name !== progress.name;
      if (started === undefined || isNew) started = { name: progress.name, atMs: performance.now() };
      const seconds = (performance.now() - started.atMs) / 1000;
      const rate = seconds < RATE_SECONDS_MIN ? "…" : toMegabytes(progress.bytes / seconds);
      const done = { show: progress.name, megabytes: toMegabytes(progress.bytes), rate };
      const firstId = progress.cursor - progress.segments;
      if (isNew) bar?.start(progress.targetId - firstId, 0, done);
      bar?.update(progress.cursor - firstId, done);
    },
    onShow: (summary) => {
      bar?.stop();
      process.stdout.write(toText(summary));
    },
    [Symbol.dispose]: () => bar?.stop(),
  };
}

function createBar(): SingleBar {
  return new SingleBar({
    format:
      "{show} {bar} {percentage} % | {value}/{total} segments | {megabytes} MB | {rate} MB/s | {eta_formatted} left",
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    etaBuffer: 50,
  });
}

function toLine(summary: SyncSummary): string {
  const { name, segments, bytes, skipped, lastSyncedId } = summary;
  const hole = skipped === 0 ? "" : `; ${skipped} had been deleted at the sender before`;
  if (segments === 0) return `${name}: nothing new since segment ${lastSyncedId}${hole}\n`;
  return `${name}: ${segments} segments (${toMegabytes(bytes)} MB), up to segment ${lastSyncedId}${hole}\n`;
}

function toJsonLine(summary: SyncSummary): string {
  const { lastSyncedId, ...rest } = summary;
  return `${JSON.stringify({ ...rest, last_synced_id: lastSyncedId })}\n`;
}

function toMegabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
