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
  readonly #ended = Promise.withResolvers<void>();
  #answer: PromiseWithResolvers<FillAnswer> | undefined;
  /** Why it takes no more batches. */
  #end: unknown;

  /** The lock of the recipient at `path` is the caller's. */
  constructor(path: string) {
    const entry = new URL(`./fill-worker${extname(import.meta.url)}`, import.meta.url);
    this.#worker = new Worker(entry, {
      workerData: path,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB_MAX },
    });
    this.#worker.on("message", (answer: FillAnswer) => this.#answer?.resolve(answer));
    this.#worker.on("error", (error) => (this.#end = error));
    this.#worker.on("exit", () => {
      this.#end ??= new Error("the thread that fills a recipient has ended");
      this.#answer?.reject(this.#end);
      this.#ended.resolve();
    });
  }

  /** As `RecipientWriter` says, one batch at a time. Audio that is not shared memory is the thread's from then on. */
  async commit(batch: RecipientBatch): Promise<void> {
    if (this.#end !== undefined) throw this.#end;
    this.#answer = Promise.withResolvers();
    const buffers = batch.segments.map(({ audioData }) => audioData.buffer);
    this.#worker.postMessage(
      batch,
      buffers.filter((buffer) => buffer instanceof ArrayBuffer),
    );
    const { failure } = await this.#answer.promise;
    if (failure !== undefined) throw new AppError(failure.code, failure.message);
  }

  /** Resolves when what was begun is durable and the file is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#worker.postMessage("end");
    await this.#ended.promise;
  }
}
