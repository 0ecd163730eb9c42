import { join } from "node:path";

import type { Command } from "commander";

import { requireFfmpeg } from "../audio/ffmpeg.ts";
import { loadRecordConfig, type RecordConfig, type ShowConfig } from "../config/record-config.ts";
import { AppError } from "../core/app-error.ts";
import type { Log } from "../core/log.ts";
import { createApp } from "../http/app.ts";
import { HttpServer } from "../http/server.ts";
import { toDatabasePath } from "../record/supervisor.ts";
import { ExclusiveLock } from "../store/exclusive-lock.ts";
import { SqliteLibrary } from "../store/library.ts";
import { makeDirectory } from "../store/make-directory.ts";
import { Receivers } from "../store/receivers.ts";
import { ShowWriter } from "../store/sqlite-show-writer.ts";
import { createLogger } from "./logger.ts";
import { PORT_MAX, toWholeNumber } from "./options.ts";
import { RecordingThread } from "./recording-thread.ts";
import { untilAborted } from "./stop-signals.ts";
import { printWindows } from "./windows.ts";

type RecordOptions = { config: string; port?: number; check?: true };

const EXAMPLES = `
Examples:
  save_audio_stream record -c record.toml            record and serve until it is stopped
  save_audio_stream record -c record.toml --check    only check the file and print the next windows`;

export function addRecordCommand(program: Command, signal: AbortSignal): void {
  program
    .command("record")
    .description("record every show of a configuration, and serve the recordings to receivers")
    .requiredOption("-c, --config <file>", "the configuration, a TOML file")
    .option(
      "-p, --port <port>",
      "the port of the API, instead of the configured one",
      toWholeNumber(0, PORT_MAX),
    )
    .option("--check", "check the configuration, print the next windows of each show, and end")
    .addHelpText("after", EXAMPLES)
    .action(async (options: RecordOptions) => {
      const config = loadRecordConfig(options.config, { port: options.port });
      if (options.check === true) printWindows(config);
      else await record(config, signal);
    });
}

/** Records until `signal` aborts. Everything that can be wrong is looked at before anything is written. */
async function record(config: RecordConfig, signal: AbortSignal): Promise<void> {
  const { outputDir, shows, api } = config;
  await requireFfmpeg();
  for (const show of shows) ShowWriter.check(toDatabasePath(outputDir, show), show);
  await using server = await HttpServer.listen(api.host, api.port);
  makeDirectory(outputDir);
  using _lock = new ExclusiveLock(join(outputDir, ".recorder.lock"), `cannot record into ${outputDir}`);
  const log = createLogger();
  for (const show of shows) createDatabase(outputDir, show, log);
  for (const notice of config.notices) log.warn(notice);
  const thread = new RecordingThread(config);
  const library = new SqliteLibrary([outputDir]);
  const receivers = new Receivers(outputDir);
  server.serve(createApp({ library, log, token: api.token, health: () => thread.health(), receivers }));
  log.info(
    `recording ${shows.map((show) => show.name).join(", ")} into ${outputDir}; API and player at ${server.url}`,
  );
  await Promise.race([untilAborted(signal), thread.ended]);
  await thread.stop();
}

/** Databases are there from the start, before their first window. Where the disk is full, they wait for room like the sound. */
function createDatabase(outputDir: string, show: ShowConfig, log: Log): void {
  try {
    ShowWriter.open(toDatabasePath(outputDir, show), show)[Symbol.dispose]();
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "disk-full") throw error;
    log.warn(`${show.name}: ${error.message}`);
  }
}
