import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { FIRST_CUT } from "../../src/audio/cutter.ts";
import { OpusCutter } from "../../src/audio/opus-cutter.ts";
import { samplesToMs, toCrc32 } from "../../src/core/segment.ts";
import type { NewShowEvent } from "../../src/core/show-event.ts";
import { createUniqueId, type MetadataText } from "../../src/store/show-metadata.ts";
import { createShowDatabase } from "../../src/store/sqlite-schema.ts";
import { cutSegments } from "./cut.ts";
import { encodeTone } from "./sound.ts";
import { tempDir } from "./temp-dir.ts";

/** The first sample of the first session, unless told otherwise. */
export const AIR_START_MS = 1_700_000_000_000;

/** One second of sound is one segment. */
export const SPLIT_SECONDS = 1;

export type SenderShow = {
  name: string;
  /** Unbroken audio: when it begins and how many segments of a second it has. */
  sessions?: readonly { startMs: number; segments: number }[];
  events?: readonly NewShowEvent[];
  /** Wins over the metadata that the database would have. */
  metadata?: MetadataText;
};

const ENCODED_SECONDS = 64;
let encoded: Promise<Uint8Array> | undefined;

/** Sound for all shows of this process, encoded once. */
function encodeOnce(): Promise<Uint8Array> {
  encoded ??= encodeTone({ startMs: AIR_START_MS, seconds: ENCODED_SECONDS }, "-c:a libopus -b:a 12k -f ogg");
  return encoded;
}

/** A session as a recorder cuts it: real Ogg Opus, a segment a second, a serial number of its own. */
async function cutSession(
  segments: number,
): Promise<{ audioData: Uint8Array; startSample: number; durationSamples: number }[]> {
  if (segments >= ENCODED_SECONDS) throw new RangeError(`${segments} segments are more than were encoded`);
  const cutter = new OpusCutter({ channels: 1, splitIntervalSeconds: SPLIT_SECONDS }, FIRST_CUT);
  return cutSegments(cutter, [await encodeOnce()]).slice(0, segments);
}

/** Makes a sender's database with real audio at known times; returns its path. Without sessions it is an empty show. */
export async function createSenderDatabase(directory: string, show: SenderShow): Promise<string> {
  const path = join(directory, `${show.name}.sqlite`);
  createShowDatabase(path, {
    version: "1",
    unique_id: createUniqueId(),
    name: show.name,
    audio_format: "opus",
    split_interval: String(SPLIT_SECONDS),
    bitrate: "16",
    sample_rate: "48000",
    channels: "1",
    timezone: "UTC",
    is_recipient: "false",
    ...show.metadata,
  });
  for (const session of show.sessions ?? []) await appendSession(path, session);
  inDatabase(path, (database) => {
    const insert = database.prepare("INSERT INTO events (timestamp_ms, kind, data) VALUES (?, ?, ?)");
    for (const event of show.events ?? [])
      insert.run(event.timestampMs, event.kind, JSON.stringify(event.data));
  });
  return path;
}

/** Records one more session. */
export async function appendSession(
  path: string,
  session: { startMs: number; segments: number },
): Promise<void> {
  const cut = await cutSession(session.segments);
  inDatabase(path, (database) => {
    const insert = database.prepare(
      `INSERT INTO segments (timestamp_ms, is_timestamp_from_source, duration_samples, crc32, audio_data)
       VALUES (?, ?, ?, ?, ?)`,
    );
    database.exec("BEGIN");
    for (const { audioData, startSample, durationSamples } of cut) {
      const timestampMs = Math.round(session.startMs + samplesToMs(startSample));
      insert.run(timestampMs, startSample === 0 ? 1 : 0, durationSamples, toCrc32(audioData), audioData);
    }
    database.exec("COMMIT");
  });
}

/** Puts other audio, of so many bytes, into all rows; it is no sound any more. */
export function enlargeAudio(path: string, bytes: number): void {
  inDatabase(path, (database) => {
    const update = database.prepare("UPDATE segments SET audio_data = ?, crc32 = ? WHERE id = ?");
    database.exec("BEGIN");
    for (const { id } of database.prepare("SELECT id FROM segments").all()) {
      const audioData = randomBytes(bytes);
      update.run(audioData, toCrc32(audioData), id ?? null);
    }
    database.exec("COMMIT");
  });
}

/** Works on a database as anybody could who has SQLite. */
export function inDatabase<T>(path: string, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/** Runs statements, for damage of all kinds. */
export function runSql(path: string, sql: string): void {
  inDatabase(path, (database) => database.exec(sql));
}

export type SegmentRow = {
  id: number;
  timestamp_ms: number;
  is_timestamp_from_source: number;
  duration_samples: number;
  crc32: number;
  audio_data: string;
};

/** All segments, their audio as base64. */
export function readRows(path: string): SegmentRow[] {
  return inDatabase(path, (database) =>
    database
      .prepare("SELECT * FROM segments ORDER BY id")
      .all()
      .map((row) => ({
        id: Number(row["id"]),
        timestamp_ms: Number(row["timestamp_ms"]),
        is_timestamp_from_source: Number(row["is_timestamp_from_source"]),
        duration_samples: Number(row["duration_samples"]),
        crc32: Number(row["crc32"]),
        audio_data: row["audio_data"] instanceof Uint8Array ? row["audio_data"].toBase64() : "",
      })),
  );
}

export function readIds(path: string): number[] {
  return inDatabase(path, (database) =>
    database
      .prepare("SELECT id FROM segments ORDER BY id")
      .all()
      .map((row) => Number(row["id"])),
  );
}

export type EventRow = {
  source_id: number | null;
  timestamp_ms: number;
  kind: string;
  data: Record<string, unknown>;
};

export function readEvents(path: string): EventRow[] {
  return inDatabase(path, (database) =>
    database
      .prepare("SELECT * FROM events ORDER BY id")
      .all()
      .map((row) => ({
        source_id: row["source_id"] === null ? null : Number(row["source_id"]),
        timestamp_ms: Number(row["timestamp_ms"]),
        kind: String(row["kind"]),
        data: JSON.parse(String(row["data"])),
      })),
  );
}

export function readMetadata(path: string): Record<string, string> {
  return inDatabase(path, (database) =>
    Object.fromEntries(
      database
        .prepare("SELECT key, value FROM metadata")
        .all()
        .map((row) => [String(row["key"]), String(row["value"])]),
    ),
  );
}

/** The cursor, read from a copy, so that whatever a killed program left is repaired by the program alone. */
export function readCursor(path: string): number {
  using dir = tempDir();
  const copy = join(dir.path, "copy.sqlite");
  for (const suffix of ["", "-wal", "-journal"]) {
    if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  }
  return Number(readMetadata(copy)["last_synced_id"]);
}
