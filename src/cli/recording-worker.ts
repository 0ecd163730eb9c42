import { parentPort, workerData } from "node:worker_threads";

import { superviseShows, type SupervisorParts } from "../record/supervisor.ts";
import { createLogger } from "./logger.ts";

/**
 * The recording thread. It is given the configuration, posts `ShowHealth` messages, and records until it is sent any message; then it stores what was
 * heard and ends.
 */
async function main(): Promise<void> {
  const config: SupervisorParts["config"] = workerData;
  const stop = new AbortController();
  parentPort?.once("message", () => stop.abort());
  await superviseShows(
    { config, log: createLogger(), report: (health) => parentPort?.postMessage(health) },
    stop.signal,
  );
  parentPort?.close();
}

await main();
