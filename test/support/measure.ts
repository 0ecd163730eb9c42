import { DatabaseSync } from "node:sqlite";

import { concatBytes } from "../../src/core/concat-bytes.ts";
import { measureRecording, type TimedAudio } from "../../src/station/measure-recording.ts";
import type { ToneReport } from "../../src/station/tone-clock-report.ts";

/** A session as it lies in the database, taken out with nothing but SQL. */
export type RawSession = {
  rows: TimedAudio[];
  audio: Uint8Array;
  durationSamples: number;
};

/** The sessions of a database: from each boundary to before the next. */
export function readSessions(path: string): RawSession[] {
  using database = new DatabaseSync(path, { readOnly: true });
  const sessions: TimedAudio[][] = [];
  for (const row of database.prepare("SELECT * FROM segments ORDER BY id").all()) {
    if (row["is_timestamp_from_source"] === 1 || sessions.length === 0) sessions.push([]);
    const audioData = row["audio_data"];
    if (!(audioData instanceof Uint8Array)) throw new Error("no audio");
    const durationSamples = Number(row["duration_samples"]);
    sessions.at(-1)?.push({ timestampMs: Number(row["timestamp_ms"]), durationSamples, audioData });
  }
  return sessions.map((rows) => ({
    rows,
    audio: concatBytes(rows.map((row) => row.audioData)),
    durationSamples: rows.reduce((sum, row) => sum + row.durationSamples, 0),
  }));
}

/** What a session holds of the tone clock, by its own sound and the times that its rows claim. */
export async function measureSession(session: RawSession): Promise<ToneReport & { samples: number }> {
  return await measureRecording(session.rows, AbortSignal.timeout(60_000));
}
