import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import { startStation } from "../../src/station/station.ts";
import type { NewPiece } from "../../src/store/recording-state.ts";
import { ShowWriter } from "../../src/store/sqlite-show-writer.ts";
import { startCli } from "../support/run-cli.ts";
import { runSql } from "../support/sender-database.ts";
import { tempDir } from "../support/temp-dir.ts";

test("a segment that a killed recorder left unfinished has a byte for each second begun", async () => {
  using dir = tempDir();
  await using station = await startStation({
    mounts: [
      { path: "/", format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2, burstBytes: 16_384 },
    ],
  });
  const config = join(dir.path, "record.toml");
  writeFileSync(
    config,
    `[api]\nport = 0\n[[shows]]\nname = "a"\nurl = "${station.url("/")}"\nsplit_interval = 60\n`,
  );
  await using killed = startCli(["record", "-c", config]);
  await killed.waitForLine(/a: recording begins/);
  await delay(5300);
  killed.kill("SIGKILL");
  await killed.exited;
  await using next = startCli(["record", "-c", config]);
  await next.waitForLine(/a: recovered/);
  assert.equal((await next.stop()).status, 0);
  const { durationSamples, loudness } = readFirst(join(dir.path, "recordings", "a.sqlite"));
  assert.ok(durationSamples > 3 * 48_000);
  assert.equal(loudness?.length, Math.ceil(durationSamples / 48_000));
  // The tone clock has 0.96 s of -12 dBFS in each second.
  for (const byte of loudness.slice(0, -1)) assert.ok(Math.abs(byte - 220) <= 4, loudness.join(" "));
});

test("pieces become a segment with the loudness of all of them, and without where they have none", () => {
  using dir = tempDir();
  const path = join(dir.path, "a.sqlite");
  const settings = {
    name: "a",
    format: { audioFormat: "opus", bitrateKbps: 16, channels: 1, splitIntervalSeconds: 10 },
    timezone: "UTC",
  } as const;
  ShowWriter.open(path, settings)[Symbol.dispose]();
  runSql(
    path,
    `ALTER TABLE pieces DROP COLUMN loudness;
     INSERT INTO pieces (start_sample, timestamp_ms, is_timestamp_from_source, is_segment_end, duration_samples, audio_data)
     VALUES (0, 1700000000000, 1, 0, 24000, x'01')`,
  );
  using writer = ShowWriter.open(path, settings);
  assert.deepEqual(
    writer.finishUnfinished().map((segment) => segment.loudness),
    [undefined],
  );
  writer.savePieces([toPiece(0, Uint8Array.of(7)), toPiece(30_000, Uint8Array.of(8, 9))], { events: [] });
  writer.savePieces([toPiece(60_000, Uint8Array.of(6))], { events: [] });
  assert.deepEqual(
    writer.finishUnfinished().map((segment) => segment.loudness),
    [Uint8Array.of(8, 6)],
  );
  writer.savePieces([toPiece(0, Uint8Array.of(7)), toPiece(30_000, undefined)], { events: [] });
  assert.deepEqual(
    writer.finishUnfinished().map((segment) => segment.loudness),
    [undefined],
    "a second without a byte",
  );
});

function toPiece(startSample: number, loudness: Uint8Array | undefined): NewPiece {
  return {
    startSample,
    isSegmentEnd: false,
    timestampMs: 1_700_000_000_000,
    isTimestampFromSource: true,
    durationSamples: 30_000,
    loudness,
    audioData: Uint8Array.of(2),
  };
}

function readFirst(path: string): { durationSamples: number; loudness: Uint8Array | undefined } {
  using database = new DatabaseSync(path, { readOnly: true });
  const row = database.prepare("SELECT duration_samples, loudness FROM segments ORDER BY id LIMIT 1").get();
  const loudness = row?.["loudness"];
  return {
    durationSamples: Number(row?.["duration_samples"]),
    loudness: loudness instanceof Uint8Array ? loudness : undefined,
  };
}
