import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { Ballast } from "../../src/store/ballast.ts";
import { ShowWriter } from "../../src/store/sqlite-show-writer.ts";
import { FILLER, fillUp, type Mount, mountTmpfs, whyNoMount } from "../support/mounts.ts";

const skip = whyNoMount ?? false;

const MIB = 1024 * 1024;

/** Rows of these sizes: ten seconds of Opus, and what a long segment of a stereo show comes to. */
const SIZES = [20_000, 1_500_000] as const;

const SETTINGS = {
  name: "a",
  timezone: "UTC",
  format: { audioFormat: "opus", bitrateKbps: 16, channels: 1, splitIntervalSeconds: 10 },
} as const;

for (const size of SIZES) {
  test(
    `with the ballast, rows of ${size} bytes can be deleted on a full disk; without it they cannot`,
    { skip },
    () => {
      using disk = mountTmpfs(48);
      const ballast = new Ballast(disk.path, size);
      ballast.restore();
      const path = join(disk.path, "a.sqlite");
      const rows = Math.floor((24 * MIB) / size);
      {
        using writer = ShowWriter.open(path, SETTINGS);
        for (let row = 0; row < rows; row++) append(writer, row, size);
        fillToTheBrim(disk, path);
        assert.throws(() => writer.deleteBefore({ id: rows, timestampMs: 0 }), { code: "disk-full" });
      }
      using writer = ShowWriter.open(path, SETTINGS, ballast);
      fillToTheBrim(disk, path);
      assert.equal(writer.deleteBefore({ id: rows, timestampMs: 0 }), rows - 1);
      assert.equal(ballast.isReleased, true);
      assert.ok(statSync(path).size < 2 * size + MIB, "the room is the file system's again");
      ballast.restore();
      assert.equal(ballast.isReleased, false);
      using database = new DatabaseSync(path);
      assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    },
  );
}

test(
  "what a recorder leaves when the disk is full can be deleted too: its log waits for the file to grow",
  { skip },
  () => {
    using disk = mountTmpfs(48);
    const [, size] = SIZES;
    const ballast = new Ballast(disk.path, size);
    ballast.restore();
    using writer = ShowWriter.open(join(disk.path, "a.sqlite"), SETTINGS, ballast);
    let rows = 0;
    assert.throws(
      () => {
        for (;;) append(writer, rows++, size);
      },
      { code: "disk-full" },
    );
    fillUp(disk.path);
    ballast.release();
    assert.ok(writer.deleteBefore({ id: rows - 2, timestampMs: 0 }) > 0);
    ballast.restore();
    assert.equal(ballast.isReleased, false);
  },
);

test("what was heard last, and an event, are stored on the ballast's room", { skip }, () => {
  using disk = mountTmpfs(16);
  const ballast = new Ballast(disk.path, 0);
  ballast.restore();
  const path = join(disk.path, "a.sqlite");
  using writer = ShowWriter.open(path, SETTINGS, ballast);
  fillToTheBrim(disk, path);
  const piece = { ...toSegment(0, 4000), startSample: 0, isSegmentEnd: false };
  writer.savePieces([piece], { events: [] });
  assert.equal(ballast.isReleased, true);
  writer.addEvent({ timestampMs: 0, kind: "stop", data: {} });
  fillUp(disk.path);
  using database = new DatabaseSync(path);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  fillUp(disk.path);
  assert.throws(() => writer.addEvent({ timestampMs: 0, kind: "stop", data: {} }), { code: "disk-full" });
  ballast.restore();
  assert.equal(ballast.isReleased, true, "there is no room for it");
  rmSync(join(disk.path, FILLER));
  ballast.restore();
  assert.equal(ballast.isReleased, false);
  assert.deepEqual(
    writer.finishUnfinished().map((segment) => segment.audioData.length),
    [4000],
  );
});

test("half a ballast, as a crash leaves it, is made whole", { skip }, () => {
  using disk = mountTmpfs(64);
  const ballast = new Ballast(disk.path, 0);
  ballast.restore();
  const path = join(disk.path, ".recorder.ballast");
  assert.equal(statSync(path).size, 3 * MIB);
  assert.ok(statSync(path).blocks * 512 >= 3 * MIB, "it takes its room for real");
  truncateSync(path, MIB);
  new Ballast(disk.path, 0).restore();
  assert.equal(statSync(path).size, 3 * MIB);
});

/** Not even a log that is there already has room left. */
function fillToTheBrim(disk: Mount, path: string): void {
  using database = new DatabaseSync(path);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  fillUp(disk.path);
}

function append(writer: ShowWriter, row: number, bytes: number): void {
  writer.append(toSegment(row, bytes), row, { events: [] });
}

function toSegment(row: number, bytes: number): Parameters<ShowWriter["append"]>[0] {
  return {
    timestampMs: row * 10_000,
    isTimestampFromSource: true,
    durationSamples: 480_000,
    audioData: new Uint8Array(randomBytes(bytes)),
    loudness: undefined,
  };
}
