import { join } from "node:path";

import { encodeWithFfmpeg } from "../audio/encoder.ts";
import type { RecordConfig, ShowConfig } from "../config/record-config.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import type { ShowHealth } from "../core/show-health.ts";
import { DATABASE_SUFFIX } from "../store/sqlite-schema.ts";
import { ShowWriter } from "../store/sqlite-show-writer.ts";
import { httpSource } from "./http-source.ts";
import { ShowRecorder } from "./show-recorder.ts";

/** How long a show rests whose recorder failed in a way that nobody foresaw. */
const RESTART_MS = 10_000;

export type SupervisorParts = {
  config: Pick<RecordConfig, "outputDir" | "shows">;
  log: Log;
  report: (health: ShowHealth) => void;
};

/** The path of a show's database. */
export function toDatabasePath(outputDir: string, show: Pick<ShowConfig, "name">): string {
  return join(outputDir, show.name + DATABASE_SUFFIX);
}

/** Records all shows beside each other until `signal` aborts. What fails in one of them costs the others nothing. */
export async function superviseShows(parts: SupervisorParts, signal: AbortSignal): Promise<void> {
  await Promise.all(parts.config.shows.map((show) => superviseShow(show, parts, signal)));
}

async function superviseShow(show: ShowConfig, parts: SupervisorParts, signal: AbortSignal): Promise<void> {
  const log = parts.log.child(show.name);
  const clock: Clock = systemClock;
  while (!signal.aborted) {
    try {
      using writer = ShowWriter.open(toDatabasePath(parts.config.outputDir, show), show);
      const recorder = new ShowRecorder({
        show,
        writer,
        clock,
        random: Math.random,
        log,
        source: httpSource,
        encode: encodeWithFfmpeg,
        report: parts.report,
      });
      await recorder.run(signal);
    } catch (error) {
      // Radio goes on while a bug is looked for: the show is opened anew, and the log has the error.
      log.warn(`the recorder failed; it starts again in ${RESTART_MS / 1000} s`, error);
      await clock.sleep(RESTART_MS, signal);
    }
  }
}
