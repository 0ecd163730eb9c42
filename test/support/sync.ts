import assert from "node:assert/strict";

import { SqliteRecipientStore } from "../../src/store/sqlite-recipient-writer.ts";
import { SenderClient } from "../../src/sync/sender-client.ts";
import { syncShows } from "../../src/sync/sync-pass.ts";
import type { SyncSummary } from "../../src/sync/sync-show.ts";
import { createHttpTransport } from "../../src/sync/transport.ts";
import { type CliOptions, type CliResult, runCli } from "./run-cli.ts";

export type SyncRun = { url: string; directory: string; show: string; args?: readonly string[] };

/** Runs `sync` for one show to its end, whatever that is. */
export function runSync(run: SyncRun, options: CliOptions = {}): Promise<CliResult> {
  const args = ["sync", "-r", run.url, "-l", run.directory, "-n", run.show, ...(run.args ?? [])];
  return runCli(args, options);
}

/** What `--json` tells of a show. */
export type SyncReport = {
  name: string;
  segments: number;
  bytes: number;
  events: number;
  skipped: number;
  replaced?: true;
  last_synced_id: number;
};

/** The same for a pass that has to go well; returns what it reports. */
export async function syncWell(run: SyncRun): Promise<SyncReport> {
  const { status, stdout, stderr } = await runSync({ ...run, args: [...(run.args ?? []), "--json"] });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  const report: SyncReport = JSON.parse(stdout);
  return report;
}

/** One pass over real HTTP into a real database, in this process: for what a test needs besides its point. */
export async function syncHere(run: SyncRun): Promise<SyncSummary> {
  const summaries: SyncSummary[] = [];
  const setting = {
    client: new SenderClient(run.url, createHttpTransport(new URL(run.url), undefined)),
    store: new SqliteRecipientStore(run.directory),
    chunkSize: 100,
    receiver: "here",
    onProgress: () => undefined,
    onShow: (summary: SyncSummary) => void summaries.push(summary),
  };
  await syncShows([run.show], setting, AbortSignal.timeout(30_000));
  const [summary] = summaries;
  assert.ok(summary);
  return summary;
}
