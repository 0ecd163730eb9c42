import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { readEvents } from "../support/events.ts";
import { startIcecast, startSource, writeToneClock } from "../support/icecast.ts";
import { measureSession, readSessions } from "../support/measure.ts";
import { type CliResult, startCli } from "../support/run-cli.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Three mounts of a real Icecast, heard over a line that is cut twice. */
const CODECS = ["opus", "vorbis", "flac"] as const;
const CUTS_MS = [0, 700] as const;
const RECORD_MS = 16_000;

const dir = tempDir();
let recorded: { result: CliResult; connections: number };

before(async () => {
  const stationDir = join(dir.path, "icecast");
  mkdirSync(stationDir);
  await using icecast = await startIcecast(stationDir);
  await using proxy = await startTcpProxy(icecast.port);
  const file = join(dir.path, "tone.wav");
  writeToneClock(file, 60);
  const sources = new AsyncDisposableStack();
  await using _ = sources;
  for (const format of CODECS) sources.use(startSource(icecast, { file, path: `/${format}`, format }));
  await delay(4000);
  await using recorder = startCli(["record", "-c", writeConfig(proxy.port)]);
  await recorder.waitForLine(/player at/);
  for (const awayMs of CUTS_MS) {
    await delay(RECORD_MS / 3);
    proxy.cut(awayMs);
  }
  await delay(RECORD_MS / 3);
  recorded = { connections: proxy.connections, result: await recorder.stop() };
});

after(() => dir[Symbol.dispose]());

for (const codec of CODECS) {
  test(`${codec}: a line that is cut costs no sample and doubles none, and it stays one session`, async () => {
    assert.equal(recorded.result.status, 0, recorded.result.stderr);
    assert.ok(recorded.connections >= CODECS.length * (1 + CUTS_MS.length), "the line was cut");
    const path = join(dir.path, "recordings", `${codec}.sqlite`);
    const sessions = readSessions(path);
    const [session] = sessions;
    assert.ok(session !== undefined && sessions.length === 1, recorded.result.stderr);
    const report = await measureSession(session);
    assert.equal(report.samples, session.durationSamples, "it decodes to the sum of duration_samples");
    assert.ok(session.durationSamples > 14 * 48_000, `${session.durationSamples / 48_000} s`);
    assert.deepEqual([report.missing, report.doubled], [[], []]);
    assert.ok(report.lostMs < 1 && report.doubledMs < 1, JSON.stringify(report));
    const stitches = readEvents(path, "stitch").map((event) => event["is_certain"]);
    assert.deepEqual(stitches, [true, true]);
  });
}

function writeConfig(port: number): string {
  const shows = CODECS.map(
    (codec) =>
      `[[shows]]\nname = "${codec}"\nurl = "http://127.0.0.1:${port}/${codec}"\nsplit_interval = 5\nbitrate = 64\n`,
  );
  const path = join(dir.path, "record.toml");
  writeFileSync(path, `[api]\nport = 0\n${shows.join("")}`);
  return path;
}
