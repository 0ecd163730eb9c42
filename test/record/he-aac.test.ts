import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { FrameParser } from "../../src/audio/frame-parser.ts";
import { toSeconds } from "../../src/audio/frame.ts";
import { measureRecording } from "../../src/station/measure-recording.ts";
import { readSessions } from "../support/measure.ts";
import { type CliResult, startCli } from "../support/run-cli.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Without and with parametric stereo. */
const VERSIONS = ["v1", "v2"] as const;
const FIXTURE_SECONDS = 9;

/** Seconds that must be heard whole: the encoder's delay is before the first. */
const HEARD_SECONDS = [1, 2, 3, 4, 5, 6, 7];

const dir = tempDir();
const streams = new Map(VERSIONS.map((version) => [`/${version}`, readFixture(version)]));
let result: CliResult;

/** A station that sends what it has at once, and then nothing more. */
before(async () => {
  await using server = createServer((request, response) => {
    response.writeHead(200, { "Content-Type": "audio/aacp" });
    response.write(streams.get(request.url ?? ""));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address !== "string");
  const shows = VERSIONS.map(
    (version) =>
      `[[shows]]\nname = "${version}"\nurl = "http://127.0.0.1:${address.port}/${version}"\nbitrate = 64\n`,
  );
  const config = join(dir.path, "record.toml");
  writeFileSync(config, `[api]\nport = 0\n${shows.join("")}`);
  await using recorder = startCli(["record", "-c", config]);
  // By then all of it has long been heard.
  await recorder.waitForLine(/v2: stalled/, 20_000);
  result = await recorder.stop();
  server.closeAllConnections();
});

after(() => dir[Symbol.dispose]());

for (const version of VERSIONS) {
  test(`HE-AAC ${version}: it is recorded once, at the right length, pitch and time`, async () => {
    const parser = new FrameParser("aac");
    const frames = [...parser.push(readFixture(version)), ...parser.end()];
    assert.deepEqual(parser.shape, { codec: "aac", sampleRate: 24_000, channels: 1 });
    const sentSeconds = toSeconds(frames);
    assert.ok(Math.abs(sentSeconds - FIXTURE_SECONDS) < 0.2, `${sentSeconds} s`);
    const sessions = readSessions(join(dir.path, "recordings", `${version}.sqlite`));
    const [session] = sessions;
    assert.ok(session !== undefined && sessions.length === 1, result.stderr);
    // The fixture tells the first seconds of an hour.
    const startMs = session.rows[0]?.timestampMs ?? 0;
    const rows = session.rows.map((row) => ({ ...row, timestampMs: row.timestampMs - startMs }));
    const report = await measureRecording(rows, AbortSignal.timeout(30_000));
    assert.equal(report.samples, session.durationSamples);
    const playedSeconds = report.samples / 48_000;
    assert.ok(Math.abs(playedSeconds - sentSeconds) < 0.05, `${playedSeconds} s of ${sentSeconds} s`);
    assert.deepEqual([report.missing, report.doubled, report.outOfOrder], [[], [], 0]);
    assert.ok(report.lostMs < 1 && report.doubledMs < 1, JSON.stringify(report));
    const seconds = report.errors.map(({ unixS }) => unixS);
    const inside = seconds.filter((second) => HEARD_SECONDS.includes(second));
    assert.deepEqual(inside, HEARD_SECONDS);
    const errors = report.errors.map(({ errorMs }) => errorMs);
    assert.ok(Math.max(...errors) - Math.min(...errors) < 1, `clicks are off by ${errors.join(", ")} ms`);
  });
}

function readFixture(version: (typeof VERSIONS)[number]): Uint8Array {
  return readFileSync(
    fileURLToPath(new URL(`../fixtures/tone-clock-he-aac-${version}.aac`, import.meta.url)),
  );
}
