import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { startStation } from "../../src/station/station.ts";
import { isGreen, waitForHealth } from "../support/health.ts";
import { measureSession, readSessions } from "../support/measure.ts";
import { cutPower, mountExt4, whyNoLoopMount } from "../support/mounts.ts";
import { createRandom } from "../support/random.ts";
import { startCli } from "../support/run-cli.ts";
import { readRows } from "../support/sender-database.ts";
import { tempDir } from "../support/temp-dir.ts";

const LIMIT = 1000;

/** The first cut may come before the time of any sound is settled, and so before any row: then only the database has to be there. */
const ROWS_PER_CUT = 3;

/** Takes the power from under a recorder, over and over. */
export function testPowerCuts({ cuts }: { cuts: number }): void {
  const name = `${cuts} power cuts: every row that the API had shown is there`;
  test(name, { skip: whyNoLoopMount ?? false }, async (context) => {
    const { random, seed } = createRandom();
    context.diagnostic(`seed ${seed}`);
    using disk = mountExt4(64);
    using dir = tempDir();
    await using station = await startStation({
      mounts: [{ path: "/a", format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 }],
    });
    const config = join(dir.path, "record.toml");
    writeFileSync(
      config,
      `output_dir = "${join(disk.path, "rec")}"\n[api]\nport = 0\n[[shows]]\nname = "a"\nurl = "${station.url("/a")}"\nsplit_interval = 1\nbitrate = 64\n`,
    );
    const path = join(disk.path, "rec", "a.sqlite");
    const shown = new Map<number, number>();
    for (let cut = 0; cut < cuts; cut++) {
      await using recorder = startCli(["record", "-c", config]);
      const [, url = ""] = await recorder.waitForLine(/player at (http:\S+)/, 30_000);
      await waitForHealth(url, isGreen);
      const rowsWanted = cut === 0 ? 0 : shown.size + ROWS_PER_CUT;
      const endMs = performance.now() + 3000 + random() * 3000;
      while (performance.now() < endMs || shown.size < rowsWanted) {
        for (const { id, crc32 } of await readShown(url, Math.max(0, ...shown.keys()))) shown.set(id, crc32);
        await delay(20);
      }
      cutPower(disk.path);
      const { health } = await waitForHealth(url, ({ status }) => status === "failing");
      assert.equal(health.shows[0]?.state, "disk-failed", "a disk that is gone is no reason to end");
      assert.equal((await recorder.stop()).status, 0);
      disk.remount();
      const held = new Map(readRows(path).map((row) => [row.id, row.crc32]));
      for (const [id, crc32] of shown)
        assert.equal(held.get(id), crc32, `row ${id} of ${shown.size}, cut ${cut}`);
      using database = new DatabaseSync(path);
      assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    }
    context.diagnostic(`${shown.size} rows were shown`);
    assert.ok(shown.size >= ROWS_PER_CUT * (cuts - 1));
    for (const session of readSessions(path)) {
      const report = await measureSession(session);
      assert.equal(report.samples, session.durationSamples);
      assert.ok(report.lostMs < 1 && report.doubledMs < 1);
    }
  });
}

async function readShown(url: string, afterId: number): Promise<{ id: number; crc32: number }[]> {
  const range = `start_id=${afterId + 1}&end_id=${afterId + LIMIT}&limit=${LIMIT}`;
  const answer = await fetch(`${url}/api/sync/shows/a/segments?${range}`);
  assert.equal(answer.status, 200);
  return JSON.parse(await answer.text());
}
