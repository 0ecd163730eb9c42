import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";

import { AppError, type ErrorCode } from "../core/app-error.ts";
import { whyNotShowName } from "../core/show.ts";
import type { ShowReader } from "./show-reader.ts";
import { DATABASE_SUFFIX } from "./sqlite-schema.ts";
import { SqliteShowReader } from "./sqlite-show-reader.ts";

/** A show's reader, open until the next one is asked for. */
export type NamedReader = { name: string; reader: ShowReader };

/** The shows that can be read. What it answers is always what there is now. */
export interface Library {
  /** Names in order, also of files that turn out not to be a show's database. */
  names(): Promise<string[]>;
  /** Each show in order of names. Files that are no show's database are passed over; of each, `onPassedOver` is told once. */
  shows(onPassedOver: (reason: string) => void): AsyncIterable<NamedReader>;
  /** Throws `not-found` for a show that there is not. The caller closes the reader. */
  open(name: string): Promise<ShowReader>;
}

/** What opening a file says that holds no show. One that is busy is a show, and must not vanish from a list. */
const NO_SHOW: readonly ErrorCode[] = ["not-a-database", "corrupt", "mismatch", "not-found"];

/** Shows as SQLite files: those of the given directories, and the given files. */
export class SqliteLibrary implements Library {
  readonly #paths: readonly string[];
  /** Why a file is no show, by its name, so that each reason is told once. */
  readonly #passedOver = new Map<string, string>();

  /** Throws `not-found` when one of the paths does not exist, `usage` when two of them hold a show of one name. */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
    this.#files();
  }

  async names(): Promise<string[]> {
    return [...this.#filesNow().keys()].sort();
  }

  async *shows(onPassedOver: (reason: string) => void): AsyncGenerator<NamedReader> {
    for (const name of await this.names()) {
      await using reader = await this.#openIfShow(name, onPassedOver);
      if (reader !== undefined) yield { name, reader };
    }
  }

  async open(name: string): Promise<ShowReader> {
    const path = this.#filesNow().get(name);
    if (path === undefined)
      throw new AppError("not-found", `there is no show ${JSON.stringify(name.slice(0, 80))}`);
    return new SqliteShowReader(path);
  }

  /** A directory may hold other databases too: they are no shows, and no reason to show nothing. */
  async #openIfShow(name: string, onPassedOver: (reason: string) => void): Promise<ShowReader | undefined> {
    try {
      const reader = await this.open(name);
      this.#passedOver.delete(name);
      return reader;
    } catch (error) {
      if (!(error instanceof AppError) || !NO_SHOW.includes(error.code)) throw error;
      if (this.#passedOver.get(name) !== error.message) onPassedOver(error.message);
      this.#passedOver.set(name, error.message);
      return undefined;
    }
  }

  /** What was in order at first and is not any more is no fault of whoever asks, and its path is not for them. */
  #filesNow(): Map<string, string> {
    try {
      return this.#files();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw new AppError("not-a-database", error.message, { cause: error });
    }
  }

  #files(): Map<string, string> {
    const files = new Map<string, string>();
    for (const path of this.#paths.flatMap(toDatabasePaths)) {
      const name = basename(path, DATABASE_SUFFIX);
      const known = files.get(name);
      if (known !== undefined && known !== path) {
        throw new AppError("usage", `${known} and ${path} both hold the show "${name}"; give one of them`);
      }
      files.set(name, path);
    }
    return files;
  }
}

function toDatabasePaths(path: string): string[] {
  if (!existsSync(path)) throw new AppError("not-found", `${path} does not exist`);
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((file) => file.endsWith(DATABASE_SUFFIX))
    .filter((file) => whyNotShowName(basename(file, DATABASE_SUFFIX)) === undefined)
    .map((file) => join(path, file));
}
