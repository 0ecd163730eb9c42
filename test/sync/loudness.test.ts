import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import type { WireSegment } from "../../src/sync/wire.ts";
import { AIR_START_MS, createSenderDatabase, inDatabase, runSql } from "../support/sender-database.ts";
import { startSender } from "../support/sender-server.ts";
import { syncHere } from "../support/sync.ts";
import { tempDir } from "../support/temp-dir.ts";

/** The first row has a second and a part of one, as Opus segments of one second have. */
const FIRST = "c8c7";

test("loudness is told in base64 and kept, and where it is not known there is no key", async () => {
  using dir = tempDir();
  const path = await createSender(dir.path);
  runSql(path, `UPDATE segments SET loudness = x'${FIRST}' WHERE id = 1`);
  await using sender = await startSender(join(dir.path, "sender"));
  const answer = await fetch(`${sender.url}/api/sync/shows/a/segments?start_id=1&end_id=2`);
  const rows: WireSegment[] = JSON.parse(await answer.text());
  assert.deepEqual(
    rows.map((row) => row.loudness),
    ["yMc=", undefined],
  );
  assert.equal("loudness" in (rows[1] ?? {}), false);
  const directory = join(dir.path, "copies");
  await syncHere({ url: sender.url, directory, show: "a" });
  assert.deepEqual(readLoudness(join(directory, "a.sqlite")), [FIRST, null, null, null, null]);
});

test("what another sender means by loudness is no reason to refuse its audio", async () => {
  using dir = tempDir();
  await createSender(dir.path);
  const meant = [-14.2, "loud", "yA==", null, { lufs: -23 }];
  await using sender = await startSender(join(dir.path, "sender"), {
    tamper: async ({ resource, json }) => {
      if (resource !== "segments") return undefined;
      const rows = await json<WireSegment[]>();
      return { json: rows.map((row) => ({ ...row, loudness: meant[row.id - 1] })) };
    },
  });
  const directory = join(dir.path, "copies");
  await syncHere({ url: sender.url, directory, show: "a" });
  // The third is of the right length for the rows behind the first.
  assert.deepEqual(readLoudness(join(directory, "a.sqlite")), [null, null, "c8", null, null]);
});

async function createSender(directory: string): Promise<string> {
  mkdirSync(join(directory, "sender"));
  const sessions = [{ startMs: AIR_START_MS, segments: 5 }];
  return await createSenderDatabase(join(directory, "sender"), { name: "a", sessions });
}

function readLoudness(path: string): (string | null)[] {
  return inDatabase(path, (database) =>
    database
      .prepare("SELECT loudness FROM segments ORDER BY id")
      .all()
      .map(({ loudness }) => (loudness instanceof Uint8Array ? loudness.toHex() : null)),
  );
}
