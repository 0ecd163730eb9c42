import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { keepRecording } from "../../src/record/keep-recording.ts";
import { startStation } from "../../src/station/station.ts";
import { createSetting } from "../support/recording.ts";
import { readEvents } from "../support/sender-database.ts";
import { tempDir } from "../support/temp-dir.ts";

const MP3 = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 } as const;

/** Without a burst no connection can be joined to the one before. */
const MOUNTS = ["/first", "/second"].map((path) => ({ ...MP3, path, burstBytes: 0 }));

test("a fallback that is lost, and comes back without a burst, is recorded from the connection that came back", async () => {
  using dir = tempDir();
  await using station = await startStation({ mounts: MOUNTS });
  station.refuse("/first", 60_000);
  const urls = [station.url("/first"), station.url("/second")];
  const { setting, path, close } = createSetting(dir.path, { name: "show", urls, audioFormat: "opus" });
  const stop = new AbortController();
  const waits = { onPause: () => undefined, waitForRoom: () => Promise.resolve() };
  const recording = keepRecording({ ...setting, ...waits }, stop.signal);
  await delay(5000);
  station.drop("/second");
  await delay(4000);
  const { connections } = station.stats("/second");
  stop.abort();
  await recording;
  close();
  assert.equal(connections, 2, "the one that was lost, and the one that came back");
  const gaps = readEvents(path).filter(({ kind }) => kind === "gap");
  assert.ok(!JSON.stringify(gaps).includes('"stopped"'), JSON.stringify(gaps));
});
