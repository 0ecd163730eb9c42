import { existsSync } from "node:fs";
import { join } from "node:path";

import { Sqlite } from "./sqlite.ts";

/** Beside the recordings; no name of a show begins with a dot. */
const FILE = ".receivers.db";

/** More do not follow one show; those that were not seen for longest are forgotten. */
const RECEIVERS_MAX = 100;

const SCHEMA = `CREATE TABLE IF NOT EXISTS receivers (
  show TEXT NOT NULL, show_id TEXT NOT NULL, name TEXT NOT NULL, last_synced_id INTEGER NOT NULL, seen_ms INTEGER NOT NULL,
  PRIMARY KEY (show, name)
)`;

/** A receiver of a show, by its own name, and the last segment that it has for good. */
export type Receiver = { name: string; lastSyncedId: number; seenMs: number };

/** A show, and the `unique_id` of the database that it has now: ids of another one mean nothing to it. */
export type FollowedShow = { name: string; uniqueId: string };

/** Which receivers follow the shows of a directory, as far as they have told. */
export class Receivers {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, FILE);
  }

  /** Takes note of what a receiver tells, also when it has less than before: it may have begun anew. */
  acknowledge(show: FollowedShow, { name, lastSyncedId, seenMs }: Receiver): void {
    using sqlite = Sqlite.open(this.#path, { readOnly: false });
    sqlite.transact(() => {
      sqlite.exec(SCHEMA);
      sqlite.run("DELETE FROM receivers WHERE show = ? AND show_id <> ?", show.name, show.uniqueId);
      sqlite.run(
        "INSERT OR REPLACE INTO receivers (show, show_id, name, last_synced_id, seen_ms) VALUES (?, ?, ?, ?, ?)",
        show.name,
        show.uniqueId,
        name,
        lastSyncedId,
        Math.round(seenMs),
      );
      sqlite.run(
        `DELETE FROM receivers WHERE show = ?1 AND name NOT IN
           (SELECT name FROM receivers WHERE show = ?1 ORDER BY seen_ms DESC LIMIT ?2)`,
        show.name,
        RECEIVERS_MAX,
      );
    });
  }

  /** Those of a show, in order of their names; only those of its present database when that is told. */
  list(show: { name: string; uniqueId?: string }): Receiver[] {
    if (!existsSync(this.#path)) return [];
    using sqlite = Sqlite.open(this.#path, { readOnly: true });
    const sql = "SELECT show_id, name, last_synced_id, seen_ms FROM receivers WHERE show = ? ORDER BY name";
    const rows = sqlite
      .all(sql, show.name)
      .filter((row) => show.uniqueId === undefined || row["show_id"] === show.uniqueId);
    return rows.map((row) => ({
      name: String(row["name"]),
      lastSyncedId: Number(row["last_synced_id"]),
      seenMs: Number(row["seen_ms"]),
    }));
  }
}
