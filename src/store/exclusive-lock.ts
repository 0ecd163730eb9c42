import { hostname } from "node:os";

import { AppError } from "../core/app-error.ts";
import { Sqlite } from "./sqlite.ts";

/**
 * A lock that ends with the process that holds it, however that ends. It is the write lock of a small SQLite file, so the
 * kernel releases it and nothing has to be cleaned up. Who holds it can be read from the file meanwhile.
 */
export class ExclusiveLock implements Disposable {
  readonly #sqlite: Sqlite;

  /** Throws `busy` when another program holds the lock; `purpose` begins the message. */
  constructor(path: string, purpose: string) {
    this.#sqlite = Sqlite.open(path, { readOnly: false });
    try {
      this.#sqlite.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE");
      this.#writeHolder();
      this.#sqlite.exec("BEGIN IMMEDIATE");
    } catch (error) {
      const holder = readHolder(this.#sqlite);
      this.#sqlite.close();
      if (!(error instanceof AppError) || error.code !== "busy") throw error;
      throw new AppError("busy", `${purpose}: ${holder} is doing it already`, { cause: error });
    }
  }

  [Symbol.dispose](): void {
    this.#sqlite.close();
  }

  #writeHolder(): void {
    const who = `process ${process.pid} on ${hostname()} since ${new Date().toISOString()}`;
    try {
      this.#sqlite.transact(() => {
        this.#sqlite.exec("CREATE TABLE IF NOT EXISTS holder (who TEXT NOT NULL); DELETE FROM holder");
        this.#sqlite.run("INSERT INTO holder VALUES (?)", who);
      });
    } catch (error) {
      // The lock itself needs no room, and a recorder has to start on a full disk too: it may be the one that makes room.
      if (!(error instanceof AppError) || error.code !== "disk-full") throw error;
    }
  }
}

function readHolder(sqlite: Sqlite): string {
  try {
    const who = sqlite.get("SELECT who FROM holder")?.["who"];
    return typeof who === "string" ? who : "another process";
  } catch {
    // The holder has not yet written its name: the message can do without it.
    return "another process";
  }
}
