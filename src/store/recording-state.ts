import { concatBytes } from "../core/concat-bytes.ts";
import { joinLoudness } from "../core/loudness.ts";
import type { NewSegment } from "../core/segment.ts";
import type { Sqlite, SqlRow } from "./sqlite.ts";

/** The pieces of segments in work, and what a recorder needs to go on exactly where a killed one was. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS pieces (
    start_sample INTEGER PRIMARY KEY,
    timestamp_ms INTEGER NOT NULL,
    is_timestamp_from_source INTEGER NOT NULL,
    is_segment_end INTEGER NOT NULL,
    duration_samples INTEGER NOT NULL,
    loudness BLOB,
    audio_data BLOB NOT NULL
  );
  CREATE TABLE IF NOT EXISTS resume_point (id INTEGER PRIMARY KEY CHECK (id = 1), data TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS input_tail (id INTEGER PRIMARY KEY, end_seconds REAL NOT NULL, frames BLOB NOT NULL);
`;

/**
 * A part of a segment in work; time and flag are those of the segment, as far as they are known by now, and the loudness is that
 * of all the segment's seconds in which the part has a share.
 */
export type NewPiece = NewSegment & {
  /** Where it begins in the sound of the recording; no two pieces begin at one place. */
  startSample: number;
  isSegmentEnd: boolean;
};

/** To look for input that is of no more use costs as much as to store some: it is done now and then. */
const DROP_EVERY_SECONDS = 5;

/** Where durable sound ends, so that a new recorder can go on there. */
export type ResumePoint = {
  /** The format in which the station sent it. */
  input: string;
  /** In the sound of the recording, at 48 kHz. */
  endSample: number;
  /** In what the station sent. */
  endSeconds: number;
  /** Unix time at which that sound left the server. */
  endMs: number;
  /** Whether arrivals had told that well enough to leave out what a burst repeats. */
  isFound: boolean;
  /** Whether it was known for good: sound that is late for now may also turn out to be behind lost frames. */
  isSettled: boolean;
  /** Unix time, by the clock that placed the sound, at which the newest of the input had come. */
  heardMs: number;
  /** How far that clock was ahead of this machine's. */
  clockAheadMs: number;
};

/** What a station had sent up to a place in the sound of the recording, as the recorder packed it. */
export type InputPart = { endSeconds: number; frames: Uint8Array };

/** What becomes durable together with a piece or a segment. */
export type ResumeUpdate = {
  point: ResumePoint;
  /** What came since the last update; `undefined` when nothing did. */
  part: InputPart | undefined;
  /** Older parts are no longer needed. */
  keepFromSeconds: number;
};

/** The tables of a sender's database that say how far a recording is. Its methods belong into the caller's transactions. */
export class RecordingState {
  readonly #sqlite: Sqlite;
  /** Older input was dropped last. */
  #keptFromSeconds = -Infinity;

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
    sqlite.exec(SCHEMA);
    // A recorder of an older make may have left pieces in a table without this column.
    const columns = sqlite.all("SELECT name FROM pragma_table_info('pieces')").map((row) => row["name"]);
    if (!columns.includes("loudness")) sqlite.exec("ALTER TABLE pieces ADD COLUMN loudness BLOB");
  }

  savePiece(piece: NewPiece): void {
    this.#sqlite.run(
      `INSERT INTO pieces (start_sample, timestamp_ms, is_timestamp_from_source, is_segment_end, duration_samples, loudness, audio_data)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      piece.startSample,
      Math.round(piece.timestampMs),
      piece.isTimestampFromSource ? 1 : 0,
      piece.isSegmentEnd ? 1 : 0,
      piece.durationSamples,
      piece.loudness ?? null,
      piece.audioData,
    );
  }

  dropPiecesBefore(sample: number): void {
    this.#sqlite.run("DELETE FROM pieces WHERE start_sample < ?", sample);
  }

  dropPiecesFrom(sample: number): void {
    this.#sqlite.run("DELETE FROM pieces WHERE start_sample >= ?", sample);
  }

  /** Takes all pieces out, put together as the segments that they were to become. */
  takeSegments(): NewSegment[] {
    const segments: NewSegment[] = [];
    let pieces: NewPiece[] = [];
    for (const row of this.#sqlite.all("SELECT * FROM pieces ORDER BY start_sample")) {
      const piece = toPiece(row);
      pieces.push(piece);
      if (!piece.isSegmentEnd) continue;
      segments.push(toSegment(pieces));
      pieces = [];
    }
    if (pieces.length > 0) segments.push(toSegment(pieces));
    this.#sqlite.run("DELETE FROM pieces");
    return segments;
  }

  saveResume({ point, part, keepFromSeconds }: ResumeUpdate): void {
    this.#sqlite.run("INSERT OR REPLACE INTO resume_point (id, data) VALUES (1, ?)", JSON.stringify(point));
    const isDue = Math.abs(keepFromSeconds - this.#keptFromSeconds) >= DROP_EVERY_SECONDS;
    if (isDue || keepFromSeconds === Infinity) {
      this.#sqlite.run("DELETE FROM input_tail WHERE end_seconds < ?", keepFromSeconds);
      this.#keptFromSeconds = keepFromSeconds;
    }
    if (part === undefined) return;
    this.#sqlite.run(
      "INSERT INTO input_tail (end_seconds, frames) VALUES (?, ?)",
      part.endSeconds,
      part.frames,
    );
  }

  readPoint(): ResumePoint | undefined {
    const data = this.#sqlite.get("SELECT data FROM resume_point")?.["data"];
    return typeof data === "string" ? JSON.parse(data) : undefined;
  }

  readTail(): InputPart[] {
    return this.#sqlite.all("SELECT end_seconds, frames FROM input_tail ORDER BY id").map(toInputPart);
  }
}

function toSegment(pieces: readonly NewPiece[]): NewSegment {
  const [first] = pieces;
  // The last piece was stored with what was known best of the time.
  const last = pieces.at(-1);
  const durationSamples = pieces.reduce((sum, piece) => sum + piece.durationSamples, 0);
  const parts = pieces.map((piece) => ({
    startSample: piece.startSample - (first?.startSample ?? 0),
    bytes: piece.loudness,
  }));
  return {
    timestampMs: last?.timestampMs ?? 0,
    isTimestampFromSource: first?.isTimestampFromSource ?? false,
    durationSamples,
    loudness: joinLoudness(parts, durationSamples),
    audioData: concatBytes(pieces.map((piece) => piece.audioData)),
  };
}

function toPiece(row: SqlRow): NewPiece {
  return {
    startSample: Number(row["start_sample"]),
    timestampMs: Number(row["timestamp_ms"]),
    isTimestampFromSource: row["is_timestamp_from_source"] === 1,
    isSegmentEnd: row["is_segment_end"] === 1,
    durationSamples: Number(row["duration_samples"]),
    loudness: row["loudness"] instanceof Uint8Array ? row["loudness"] : undefined,
    audioData: toBytes(row["audio_data"]),
  };
}

function toInputPart(row: SqlRow): InputPart {
  return { endSeconds: Number(row["end_seconds"]), frames: toBytes(row["frames"]) };
}

function toBytes(value: SqlRow[string] | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}
