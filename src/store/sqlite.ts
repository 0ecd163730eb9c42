import { existsSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

import { AppError } from "../core/app-error.ts";
import { NO_LOG_CODES, toPrimaryCode, translateErrors } from "./sqlite-error.ts";

export type SqlValue = SQLInputValue;
export type SqlRow = Record<string, SQLOutputValue>;

/** Older libraries can lose committed rows when the write-ahead log starts over. */
const OLDEST_LIBRARY: readonly number[] = [3, 51, 3];

/** How long a statement waits for another process's lock. */
const BUSY_TIMEOUT_MS = 5000;

const OPTIONS = { timeout: BUSY_TIMEOUT_MS };

/**
 * One connection to an SQLite file; the only place that knows the driver. Statements are prepared once. Whoever opens
 * it closes it.
 */
export class Sqlite implements Disposable {
  readonly path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(path: string, database: DatabaseSync) {
    this.path = path;
    this.#database = database;
  }

  /**
   * Opens a file that exists. Throws `not-a-database` when it is not SQLite. A connection that only reads leaves the directory as it
   * found it.
   */
  static open(path: string, options: { readOnly: boolean }): Sqlite {
    requireLibrary();
    return translateErrors(path, () => {
      if (!options.readOnly) return Sqlite.#use(path, new DatabaseSync(path, OPTIONS), requireFullSync);
      // Log files belong to a writer, or wait for one after a crash: they stay as they are.
      if (hasLog(path)) return Sqlite.#use(path, new DatabaseSync(path, { ...OPTIONS, readOnly: true }));
      return Sqlite.#openWithoutLog(path);
    });
  }

  /** A read-only connection makes log files and cannot take them away again; one that could write does, and is told not to. */
  static #openWithoutLog(path: string): Sqlite {
    try {
      return Sqlite.#use(path, new DatabaseSync(path, OPTIONS), (sqlite) =>
        sqlite.exec("PRAGMA query_only = 1"),
      );
    } catch (error) {
      if (!NO_LOG_CODES.includes(toPrimaryCode(error)) || hasLog(path)) throw error;
      // Where no log can be made, nobody writes either.
      const url = pathToFileURL(path);
      url.searchParams.set("immutable", "1");
      return Sqlite.#use(path, new DatabaseSync(url, { readOnly: true }));
    }
  }

  static #use(path: string, database: DatabaseSync, setUp?: (sqlite: Sqlite) => void): Sqlite {
    const sqlite = new Sqlite(path, database);
    try {
      sqlite.#prepare("SELECT count(*) AS tables FROM sqlite_schema").get();
      setUp?.(sqlite);
      return sqlite;
    } catch (error) {
      sqlite.close();
      throw error;
    }
  }

  all(sql: string, ...values: SqlValue[]): SqlRow[] {
    return translateErrors(this.path, () => this.#prepare(sql).all(...values));
  }

  get(sql: string, ...values: SqlValue[]): SqlRow | undefined {
    return translateErrors(this.path, () => this.#prepare(sql).get(...values));
  }

  /** Runs a statement that changes rows; returns how many and the id of the last one inserted. */
  run(sql: string, ...values: SqlValue[]): { changes: number; lastId: number } {
    const result = translateErrors(this.path, () => this.#prepare(sql).run(...values));
    return { changes: Number(result.changes), lastId: Number(result.lastInsertRowid) };
  }

  exec(sql: string): void {
    translateErrors(this.path, () => this.#database.exec(sql));
  }

  /** Runs `work` as one transaction, which takes the write lock at once. */
  transact<T>(work: () => T): T {
    this.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** In WAL mode, anything less than FULL loses acknowledged rows in a power cut. */
function requireFullSync(sqlite: Sqlite): void {
  sqlite.exec("PRAGMA synchronous = FULL");
  const level = sqlite.get("PRAGMA synchronous")?.["synchronous"];
  if (level !== 2) throw new AppError("corrupt", `${sqlite.path}: SQLite refuses synchronous = FULL`);
}

function hasLog(path: string): boolean {
  return existsSync(`${path}-wal`);
}

let isLibraryKnownGood = false;

function requireLibrary(): void {
  if (isLibraryKnownGood) return;
  const version = process.versions["sqlite"] ?? "0";
  const numbers = version.split(".").map(Number);
  for (const [index, oldest] of OLDEST_LIBRARY.entries()) {
    const number = numbers[index] ?? 0;
    if (number > oldest) break;
    if (number < oldest) {
      throw new AppError(
        "missing-tool",
        `this Node brings SQLite ${version}; ${OLDEST_LIBRARY.join(".")} is needed`,
      );
    }
  }
  isLibraryKnownGood = true;
}
