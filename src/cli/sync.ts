import type { Command } from "commander";

import { AppError } from "../core/app-error.ts";
import { SqliteRecipientStore } from "../store/sqlite-recipient-writer.ts";
import { syncShows } from "../sync/sync-pass.ts";
import {
  toDirectory,
  toOwnName,
  toReceiverName,
  toServerUrl,
  toShowNames,
  toWholeNumber,
} from "./options.ts";
import { createSenderClient } from "./sender.ts";
import { orStopped } from "./stop-signals.ts";
import { createSyncDisplay } from "./sync-display.ts";

type SyncOptions = {
  remoteUrl: URL;
  localDir: string;
  show?: readonly string[];
  all?: true;
  chunkSize: number;
  tokenFile?: string;
  receiver: string;
  replaceSource?: true;
  quiet?: true;
  json?: true;
};

const CHUNK_SIZE_DEFAULT = 100;
const CHUNK_SIZE_MAX = 10_000;

const EXAMPLES = `
Examples:
  save_audio_stream sync -r http://sender.example:3000 -l archive -n myradio
  save_audio_stream sync -r https://sender.example -l archive --all --token-file token`;

export function addSyncCommand(program: Command, signal: AbortSignal): void {
  program
    .command("sync")
    .description("bring shows home from a sender: one pass, then end")
    .requiredOption("-r, --remote-url <url>", "the sender's address", toServerUrl)
    .requiredOption(
      "-l, --local-dir <directory>",
      "where the copies are kept, one database per show",
      toDirectory,
    )
    .option("-n, --show <name>", "a show to bring home; may be given more than once", toShowNames)
    .option("--all", "bring home every show that the sender has")
    .option(
      "-s, --chunk-size <rows>",
      "how many segments become durable together",
      toWholeNumber(1, CHUNK_SIZE_MAX),
      CHUNK_SIZE_DEFAULT,
    )
    .option("--token-file <file>", "a file with the sender's bearer token")
    .option("--receiver <name>", "how this receiver calls itself to the sender", toReceiverName, toOwnName())
    .option(
      "--replace-source",
      "go on with a sender that was built anew, at its first sound behind what is held",
    )
    .option("--quiet", "print nothing but errors")
    .option("--json", "print one JSON object per show")
    .addHelpText("after", EXAMPLES)
    .action(async (options: SyncOptions) => {
      await sync(options, signal);
    });
}

async function sync(options: SyncOptions, signal: AbortSignal): Promise<void> {
  const selection = options.all === true ? "all" : (options.show ?? []);
  if (selection.length === 0 || (options.all === true && options.show !== undefined)) {
    throw new AppError("usage", "name the shows to sync with -n, or give --all");
  }
  const client = createSenderClient(options.remoteUrl, options.tokenFile);
  const store = new SqliteRecipientStore(options.localDir);
  using display = createSyncDisplay(options);
  const { chunkSize, receiver, replaceSource } = options;
  const setting = { client, store, chunkSize, receiver, replaceSource, ...display };
  const pass = syncShows(selection, setting, signal);
  await orStopped(pass, signal);
}
