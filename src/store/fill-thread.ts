import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";

import { AppError, type ErrorCode } from "../core/app-error.ts";
import type { RecipientBatch } from "./recipient-writer.ts";

/** What the thread answers to a batch. */
export type FillAnswer = { failure?: { code: ErrorCode; message: string } };

/** Rows come and go; more room would only be filled. */
const YOUNG_MB_MAX = 4;

/** Commits to a recipient in a thread of its own, so that more can come while the disk is waited for. Whoever creates it closes it. */
export class FillThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #ended: Promise<unknown>;
  readonly #broken: Promise<never>;

  /** The lock of the recipient at `path` is the caller's. */
  constructor(path: string) {
    const entry = new URL(`./fill-worker${extname(import.meta.url)}`, import.meta.url);
    this.#worker = new Worker(entry, {
      workerData: path,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB_MAX },
    });
    this.#ended = once(this.#worker, "exit");
    this.#broken = this.#ended.then(() => {
      throw new Error("the thread that fills a recipient has ended");
    });
    // Whoever waits for an answer is told.
    this.#broken.catch(() => undefined);
  }

  /** As `RecipientWriter` says, one batch at a time. */
  async commit(batch: RecipientBatch): Promise<void> {
    this.#worker.postMessage(batch);
    const [answer]: FillAnswer[] = await Promise.race([once(this.#worker, "message"), this.#broken]);
    if (answer?.failure !== undefined) throw new AppError(answer.failure.code, answer.failure.message);
  }

  /** Resolves when what was begun is durable and the file is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#worker.postMessage("end");
    await this.#ended.catch(() => undefined);
  }
}
