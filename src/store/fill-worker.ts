import { parentPort, workerData } from "node:worker_threads";

import { AppError } from "../core/app-error.ts";
import { discard } from "../core/garbage.ts";
import type { FillAnswer } from "./fill-thread.ts";
import { commitBatch, openRecipientDatabase } from "./recipient-database.ts";
import type { RecipientBatch } from "./recipient-writer.ts";
import type { Sqlite } from "./sqlite.ts";

/** The thread of a `FillThread`. It is given the path of a recipient, commits the batches that it is sent, and ends when it is sent "end". */
function main(path: string): void {
  let sqlite: Sqlite | undefined;
  const open = (): Sqlite => (sqlite ??= openRecipientDatabase(path).sqlite);
  parentPort?.on("message", (message: RecipientBatch | "end") => {
    if (message !== "end") {
      parentPort?.postMessage(commit(open, message));
      return;
    }
    sqlite?.close();
    parentPort?.close();
  });
}

/** What is no `AppError` is a bug: it ends the thread. */
function commit(open: () => Sqlite, batch: RecipientBatch): FillAnswer {
  try {
    commitBatch(open(), batch);
    for (const { audioData } of batch.segments) discard(audioData.length);
    return {};
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { failure: { code: error.code, message: error.message } };
  }
}

main(String(workerData));
