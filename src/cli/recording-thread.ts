import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";

import { type ShowHealth, toNewHealth } from "../core/show-health.ts";
import type { SupervisorParts } from "../record/supervisor.ts";

/** What lives for long is little; more room for what does not would only be filled: with 20 shows by 60 MB. */
const YOUNG_MB_MAX = 16;

/**
 * Records in a thread of its own, so that no request, however large, delays a commit. The thread and this one share
 * nothing but a few small messages; they meet in the store.
 */
export class RecordingThread {
  readonly #worker: Worker;
  readonly #health = new Map<string, ShowHealth>();
  readonly #ended: Promise<void>;

  constructor(config: SupervisorParts["config"]) {
    for (const { name } of config.shows) this.#health.set(name, toNewHealth(name));
    const entry = new URL(`./recording-worker${extname(import.meta.url)}`, import.meta.url);
    this.#worker = new Worker(entry, {
      workerData: { outputDir: config.outputDir, shows: config.shows },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB_MAX },
    });
    this.#worker.on("message", (health: ShowHealth) => this.#health.set(health.name, health));
    this.#ended = once(this.#worker, "exit").then(() => undefined);
  }

  /** The present of each show, in the order of the configuration. */
  health(): ShowHealth[] {
    return [...this.#health.values()];
  }

  /** Settles when the thread is over: by itself only through a bug, whose error it throws. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Lets all shows store what they heard; resolves when they have. */
  async stop(): Promise<void> {
    this.#worker.postMessage("stop");
    await this.#ended;
  }
}
