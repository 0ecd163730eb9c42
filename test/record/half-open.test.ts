import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { startStation } from "../../src/station/station.ts";
import { readSessions } from "../support/measure.ts";
import { createNetworkNamespace, type NetworkNamespace } from "../support/network-namespace.ts";
import { mainPath, runProcess, startProcess } from "../support/run-cli.ts";
import { readEvents } from "../support/show-events.ts";
import { measureSpan } from "../support/sound-span.ts";
import { startStreamProxy } from "../support/stream-proxy.ts";
import { tempDir } from "../support/temp-dir.ts";

/** The burst of one reaches back behind the time without a network, that of the other does not. */
const MP3 = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 } as const;
const MOUNTS = [
  { ...MP3, path: "/far", burstBytes: 20 * 16_000 },
  { ...MP3, path: "/near", burstBytes: 64 * 1024 },
];

const NOTICED_MS_MAX = 5000;

/** A line of a log that says so comes through a busy machine. */
const TOLD_MS_MAX = NOTICED_MS_MAX + 2000;

const DROPPED_MS = 9000;

const TIME_ERROR_MS_MAX = 250;

test("a connection whose packets are dropped silently is noticed within 5 s, and healed or booked", async (context) => {
  using namespace = createNetworkNamespace();
  if (namespace === undefined) {
    context.skip("network namespaces need root and iproute2");
    return;
  }
  using dir = tempDir();
  await using station = await startStation({ mounts: MOUNTS });
  await using proxy = await startStreamProxy(station.port, namespace.hostAddress);
  const config = join(dir.path, "record.toml");
  const shows = MOUNTS.map(
    ({ path }) =>
      `[[shows]]\nname = "${path.slice(1)}"\nurl = "${proxy.url(path)}"\nsplit_interval = 2\nbitrate = 64\n`,
  );
  writeFileSync(config, `[api]\nport = 0\n${shows.join("")}`);
  const [enter = "", ...within] = namespace.enter;
  await using recorder = startProcess(enter, [...within, process.execPath, mainPath, "record", "-c", config]);
  const [, url = ""] = await recorder.waitForLine(/player at (http:\S+)/);
  await recorder.waitForLine(/near: recording begins/);
  await delay(5000);
  assert.deepEqual(await readStates(namespace, url), { far: "recording", near: "recording" });

  namespace.dropAll();
  const droppedMs = Date.now();
  // The station's end is gone too: the recorder's end would be open for ever.
  await proxy.cut("reset", 0);
  for (const show of ["far", "near"]) {
    const told = await recorder.waitForLine(
      new RegExp(`${show}: stalled: no byte for ([\\d.]+) s`),
      TOLD_MS_MAX,
    );
    context.diagnostic(
      `${show}: noticed ${Date.now() - droppedMs} ms after the last packet, after ${told[1]} s without a byte`,
    );
    assert.ok(Number(told[1]) * 1000 <= NOTICED_MS_MAX);
  }
  assert.deepEqual(await readStates(namespace, url), { far: "reconnecting", near: "reconnecting" });
  await delay(droppedMs + DROPPED_MS - Date.now());
  namespace.heal();
  await delay(8000);
  assert.deepEqual(await readStates(namespace, url), { far: "recording", near: "recording" });
  assert.equal((await recorder.stop()).status, 0, recorder.stderr);
  await checkHealed(join(dir.path, "recordings", "far.sqlite"));
  await checkBooked(join(dir.path, "recordings", "near.sqlite"), droppedMs);
});

/** One session, nothing lost, and the stitch tells why it was needed. */
async function checkHealed(path: string): Promise<void> {
  const [session, ...others] = readSessions(path);
  assert.ok(session !== undefined && others.length === 0, `${others.length + 1} sessions`);
  const { report } = await measureSpan(session.audio, session.rows[0]?.timestampMs ?? 0);
  assert.deepEqual([report.missing, report.doubled, report.splices], [[], [], []]);
  assert.deepEqual(
    readEvents(path, "stitch").map(({ reason }) => reason),
    ["stalled"],
  );
  assert.deepEqual(readEvents(path, "gap"), []);
}

/** The gap begins where the network ended, and lies where there is no sound. */
async function checkBooked(path: string, droppedMs: number): Promise<void> {
  const [before, after, ...others] = readSessions(path);
  assert.ok(before !== undefined && after !== undefined && others.length === 0);
  const [{ span: first }, { span: second }] = [
    await measureSpan(before.audio, droppedMs),
    await measureSpan(after.audio, droppedMs),
  ];
  const [gap, ...gaps] = readEvents(path, "gap");
  assert.deepEqual([gap?.["reason"], gaps], ["stalled", []]);
  const [startMs, endMs] = [Number(gap?.["start_ms"]), Number(gap?.["end_ms"])];
  const errors = [startMs - droppedMs, startMs - (first?.endMs ?? 0), endMs - (second?.startMs ?? 0)];
  assert.ok(
    errors.every((error) => Math.abs(error) <= TIME_ERROR_MS_MAX),
    `off by ${errors.join(", ")} ms`,
  );
}

/** What the API says of each show. */
async function readStates(namespace: NetworkNamespace, url: string): Promise<Record<string, string>> {
  const print = `process.stdout.write(await (await fetch("${url}/api/health")).text())`;
  const [enter = "", ...within] = namespace.enter;
  const answer = await runProcess(enter, [...within, process.execPath, "--input-type=module", "-e", print]);
  const health: { shows: { name: string; state: string }[] } = JSON.parse(answer.stdout);
  return Object.fromEntries(health.shows.map(({ name, state }) => [name, state]));
}
