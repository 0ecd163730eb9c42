import { DatabaseSync } from "node:sqlite";

import { samplesToMs } from "../../src/core/segment.ts";
import { decodeToPcm } from "../../src/station/decode-to-pcm.ts";
import { ToneClockReader } from "../../src/station/tone-clock-reader.ts";
import { measureToneClock, type ToneReport } from "../../src/station/tone-clock-report.ts";

/** A session as it lies in the database, taken out with nothing but SQL. */
export type RawSession = {
  audio: Uint8Array;
  durationSamples: number;
  rows: { id: number; timestampMs: number; durationSamples: number }[];
};

/** The sessions of a database: from each boundary to before the next. */
export function readSessions(path: string): RawSession[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const sessions: (RawSession & { parts: Uint8Array[] })[] = [];
    for (const row of database.prepare("SELECT * FROM segments ORDER BY id").all()) {
      if (row["is_timestamp_from_source"] === 1 || sessions.length === 0) {
        sessions.push({ audio: new Uint8Array(0), durationSamples: 0, rows: [], parts: [] });
      }
      const session = sessions.at(-1);
      const audio = row["audio_data"];
      if (session === undefined || !(audio instanceof Uint8Array)) throw new Error("no audio");
      const durationSamples = Number(row["duration_samples"]);
      session.parts.push(audio);
      session.durationSamples += durationSamples;
      session.rows.push({ id: Number(row["id"]), timestampMs: Number(row["timestamp_ms"]), durationSamples });
    }
    return sessions.map(({ parts, ...session }) => ({
      ...session,
      audio: new Uint8Array(Buffer.concat(parts)),
    }));
  } finally {
    database.close();
  }
}

/** What a session holds of the tone clock, by its own sound and the times that its rows claim. */
export async function measureSession(session: RawSession): Promise<ToneReport & { samples: number }> {
  const reader = new ToneClockReader();
  for await (const pcm of decodeToPcm(session.audio, AbortSignal.timeout(60_000))) reader.push(pcm);
  reader.end();
  const starts: { sample: number; timestampMs: number }[] = [];
  let sample = 0;
  for (const row of session.rows) {
    starts.push({ sample, timestampMs: row.timestampMs });
    sample += row.durationSamples;
  }
  const toClaimedMs = (position: number): number => {
    const start = starts.findLast((known) => known.sample <= position) ?? { sample: 0, timestampMs: 0 };
    return start.timestampMs + samplesToMs(position - start.sample);
  };
  const report = measureToneClock({ marks: reader.marks, silences: reader.silences, toClaimedMs });
  return { ...report, samples: reader.samples };
}
