import type { Command } from "commander";

import { readToken } from "../config/read-token.ts";
import { AppError } from "../core/app-error.ts";
import type { Log } from "../core/log.ts";
import { createApp } from "../http/app.ts";
import { HttpServer } from "../http/server.ts";
import { type Library, SqliteLibrary } from "../store/library.ts";
import { createLogger } from "./logger.ts";
import { PORT_MAX, toWholeNumber } from "./options.ts";
import { untilAborted } from "./stop-signals.ts";

type ServeOptions = { port: number; host: string; tokenFile?: string };

const PORT_DEFAULT = 18_000;

const EXAMPLES = `
Examples:
  save_audio_stream serve archive
  save_audio_stream serve archive/myradio.sqlite -p 8080`;

export function addServeCommand(program: Command, signal: AbortSignal): void {
  program
    .command("serve")
    .description("listen to recordings in a browser; nothing is changed")
    .argument("<path...>", "directories of databases, or databases")
    .option("-p, --port <port>", "the port of the page", toWholeNumber(0, PORT_MAX), PORT_DEFAULT)
    .option(
      "--host <address>",
      "the address to listen on; others than this machine can come in when it is not the default",
      "127.0.0.1",
    )
    .option("--token-file <file>", "a file with a bearer token that every request has to carry")
    .addHelpText("after", EXAMPLES)
    .action(async (paths: string[], options: ServeOptions) => {
      const library = new SqliteLibrary(paths);
      await requireReadable(library);
      const token = options.tokenFile === undefined ? undefined : readToken(options.tokenFile);
      await using server = await HttpServer.listen(options.host, options.port);
      const log = createLogger();
      await tellPassedOver(library, log);
      server.serve(createApp({ library, log, token, health: () => [], receivers: undefined }));
      process.stdout.write(`listen at ${server.url}\n`);
      await untilAborted(signal);
    });
}

/** Throws why when there are files and none of them can be played. */
async function requireReadable(library: Library): Promise<void> {
  let failure: AppError | undefined;
  for (const name of await library.names()) {
    try {
      await (await library.open(name))[Symbol.asyncDispose]();
      return;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
}

/** Says at the start already what the page will not show. */
async function tellPassedOver(library: Library, log: Log): Promise<void> {
  for await (const _ of library.shows((reason) => log.warn(reason)));
}
