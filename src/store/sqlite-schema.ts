import { existsSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { AppError } from "../core/app-error.ts";
import { syncDirectory } from "./disk-space.ts";
import { type MetadataText, parseShowMetadata, type ShowMetadata } from "./show-metadata.ts";
import { Sqlite } from "./sqlite.ts";

/** What the name of a show's database ends with. */
export const DATABASE_SUFFIX = ".sqlite";

/** Audio comes last in its row, so that the short columns are read without it. */
const SCHEMA = `
  CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp_ms INTEGER NOT NULL,
    is_timestamp_from_source INTEGER NOT NULL DEFAULT 0,
    duration_samples INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    loudness BLOB,
    audio_data BLOB NOT NULL
  );
  CREATE INDEX segments_boundaries ON segments (timestamp_ms) WHERE is_timestamp_from_source = 1;
  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id INTEGER UNIQUE,
    timestamp_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL
  );
`;

/** Checkpoint often: a smaller log needs less room on a disk that is nearly full. */
const AUTOCHECKPOINT_PAGES = 256;

/** Has to be set before there is anything, and after the size of its pages. */
export const AUTO_VACUUM: string = "PRAGMA auto_vacuum = INCREMENTAL";

/** Small pieces are written while others read. */
const LIVE_SETTINGS = `${AUTO_VACUUM}; PRAGMA journal_mode = WAL`;

/**
 * Creates the database of a show, whole or not at all: it is made under another name and takes its own in one step. Its `unique_id`
 * may be seen from then on, so it must not be another one after a power cut.
 * `setUp` is run before there is a table. The caller holds the lock that keeps others from creating it at the same time.
 */
export function createShowDatabase(
  path: string,
  metadata: MetadataText,
  setUp: string = LIVE_SETTINGS,
): void {
  const unfinished = join(dirname(path), `.${basename(path)}.new`);
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(unfinished + suffix, { force: true });
  {
    using sqlite = Sqlite.open(unfinished, { readOnly: false });
    sqlite.exec(setUp);
    sqlite.transact(() => {
      sqlite.exec(SCHEMA);
      writeMetadata(sqlite, metadata);
    });
  }
  renameSync(unfinished, path);
  syncDirectory(dirname(path));
}

/** Opens the database of a show and reads its metadata; the caller closes it. */
export function openShowDatabase(
  path: string,
  options: { readOnly: boolean },
): { sqlite: Sqlite; metadata: ShowMetadata } {
  if (!existsSync(path)) throw new AppError("not-a-database", `${path} does not exist`);
  const sqlite = Sqlite.open(path, options);
  try {
    const metadata = parseShowMetadata(readMetadata(sqlite), path);
    if (!options.readOnly) sqlite.exec(`PRAGMA wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`);
    return { sqlite, metadata };
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/** Sets some keys of the metadata, in the caller's transaction. */
export function writeMetadata(sqlite: Sqlite, metadata: MetadataText): void {
  for (const [key, value] of Object.entries(metadata)) {
    sqlite.run(
      "INSERT INTO metadata (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
      key,
      value,
    );
  }
}

function readMetadata(sqlite: Sqlite): MetadataText {
  const tables = sqlite.all(
    "SELECT name FROM sqlite_schema WHERE name IN ('metadata', 'segments', 'events')",
  );
  if (tables.length < 3) {
    throw new AppError(
      "not-a-database",
      `${sqlite.path} is not a database of this program (its tables are missing)`,
    );
  }
  const rows = sqlite.all("SELECT key, value FROM metadata");
  return Object.fromEntries(rows.map((row) => [String(row["key"]), String(row["value"])]));
}
