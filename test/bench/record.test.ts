import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { startBenchStation, startRecorder, toShowPath } from "../../bench/support/bench-shows.ts";
import { findFaults, type Span } from "../../bench/support/check-show.ts";
import { parseOggPage } from "../../src/audio/ogg-page.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { tempDir } from "../support/temp-dir.ts";

/** The burst reaches farther back than this, however long a connection takes. */
const START_MS = 3000;
const SPAN_MS = 5000;
const TAIL_MS = 2000;

test("several shows at once are whole, and what is not whole is found", async (context) => {
  using dir = tempDir();
  const { process: station, shows } = await startBenchStation(4);
  await using _station = station;
  const span: Span = { fromMs: 0, toMs: 0 };
  {
    await using recorder = await startRecorder(dir.path, shows);
    await delay(START_MS);
    span.fromMs = Date.now();
    await delay(SPAN_MS);
    span.toMs = Date.now();
    await delay(TAIL_MS);
    assert.equal((await recorder.stop()).status, 0);
  }
  for (const show of shows) {
    const faults = await findFaults(toShowPath(dir.path, show), span, show.bitrateKbps);
    assert.deepEqual(faults, [], show.name);
  }
  const [show] = shows;
  assert.ok(show !== undefined);
  for (const [name, spoil, expected] of SPOILED) {
    await context.test(name, async () => {
      const path = join(dir.path, "spoiled.sqlite");
      cpSync(toShowPath(dir.path, show), path);
      {
        using database = new DatabaseSync(path);
        spoil(database, span);
      }
      assert.match((await findFaults(path, span, show.bitrateKbps)).join("; "), expected);
    });
  }
});

type Spoil = (database: DatabaseSync, span: Span) => void;

const SPOILED: readonly (readonly [string, Spoil, RegExp])[] = [
  [
    "a gap",
    (database, { fromMs }) => {
      const data = JSON.stringify({ start_ms: fromMs + 1000, end_ms: fromMs + 2000, reason: "stalled" });
      database
        .prepare("INSERT INTO events (timestamp_ms, kind, data) VALUES (?, 'gap', ?)")
        .run(fromMs, data);
    },
    /^a gap \(stalled\)$/,
  ],
  [
    "a second session",
    (database) =>
      database.exec(
        "UPDATE segments SET is_timestamp_from_source = 1 WHERE id = (SELECT max(id) FROM segments)",
      ),
    /^2 sessions$/,
  ],
  [
    "a duration that is not the sound's",
    (database) => database.exec("UPDATE segments SET duration_samples = duration_samples + 1 WHERE id = 1"),
    /^decodes to \d+ samples, its rows promise \d+$/,
  ],
  [
    "a missing end",
    (database) => database.exec("DELETE FROM segments WHERE id > 1"),
    /^holds \d+ to \d+, and not all of \d+ to \d+$/,
  ],
  [
    "pages that are missing",
    (database) => replaceAudio(database, (pages) => pages.toSpliced(5, 3)),
    /the sound jumps in 1 places/,
  ],
];

function replaceAudio(database: DatabaseSync, change: (pages: Uint8Array[]) => Uint8Array[]): void {
  const audio = database.prepare("SELECT audio_data FROM segments WHERE id = 1").get()?.["audio_data"];
  assert.ok(audio instanceof Uint8Array);
  const pages: Uint8Array[] = [];
  for (let offset = 0; offset < audio.length;) {
    const length = parseOggPage(audio, offset)?.pageBytes ?? audio.length;
    pages.push(audio.subarray(offset, offset + length));
    offset += length;
  }
  database.prepare("UPDATE segments SET audio_data = ? WHERE id = 1").run(concatBytes(change(pages)));
}
