import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { concatBytes } from "../../src/core/concat-bytes.ts";
import type { ToneReport } from "../../src/station/tone-clock-report.ts";
import { measureRecording } from "../../src/station/measure-recording.ts";
import { readEvents } from "../support/events.ts";
import { type RawSession, readSessions } from "../support/measure.ts";
import { type CliResult, startCli } from "../support/run-cli.ts";
import { encodeTone } from "../support/sound.ts";
import { tempDir } from "../support/temp-dir.ts";

/** Chains of Ogg as Icecast sends them: a new logical stream with each title, in one connection. */
const dir = tempDir();
let result: CliResult;

before(async () => {
  const streams = await encodeChains();
  await using server = createServer((request, response) => {
    response.writeHead(200, { "Content-Type": "application/ogg" });
    response.write(streams.get(request.url?.slice(1) ?? ""));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address !== "string");
  const shows = [...streams.keys()].map(
    (name) => `[[shows]]\nname = "${name}"\nurl = "http://127.0.0.1:${address.port}/${name}"\nbitrate = 64\n`,
  );
  const config = join(dir.path, "record.toml");
  writeFileSync(config, `[api]\nport = 0\n${shows.join("")}`);
  await using recorder = startCli(["record", "-c", config]);
  // By then all of it has long been heard.
  await Promise.all(
    [...streams.keys()].map((name) => recorder.waitForLine(new RegExp(`${name}: stalled`), 30_000)),
  );
  result = await recorder.stop();
  server.closeAllConnections();
});

after(() => dir[Symbol.dispose]());

for (const name of ["vorbis", "flac", "opus"]) {
  test(`${name}: a chain with another sample rate and two channels is one session, and told`, async () => {
    const [session, ...others] = readSessions(toPath(name));
    assert.ok(session !== undefined && others.length === 0, result.stderr);
    const report = await measure(session);
    assert.equal(report.samples, session.durationSamples);
    assert.deepEqual([report.missing, report.doubled], [[], []]);
    // ffmpeg plays the first block of a Vorbis stream that follows another, which no other decoder does.
    assert.ok(report.lostMs < 5 && report.doubledMs < 5, JSON.stringify(report));
    assert.deepEqual(readEvents(toPath(name), "title"), [{ title: "Björk - one" }, { title: "two" }]);
    const [format] = readEvents(toPath(name), "format");
    const from = { codec: name, sample_rate: 48_000, channels: 1 };
    const to = { codec: name, sample_rate: name === "opus" ? 48_000 : 44_100, channels: 2 };
    assert.deepEqual(format, { from, to });
  });
}

test("a chain that goes over to another codec is two sessions of one connection, without a gap", async () => {
  const sessions = readSessions(toPath("codec"));
  assert.equal(sessions.length, 2, result.stderr);
  const samples = sessions.map((session) => session.durationSamples);
  assert.ok(
    samples.every((count) => Math.abs(count - 5 * 48_000) < 4800),
    `${samples.join(" and ")} samples`,
  );
  for (const session of sessions) {
    const report = await measure(session);
    assert.deepEqual([report.missing, report.doubled, report.splices], [[], [], []]);
  }
  const codecs = readEvents(toPath("codec"), "format").map(({ from, to }) => [from, to]);
  assert.deepEqual(codecs, [
    [
      { codec: "vorbis", sample_rate: 48_000, channels: 1 },
      { codec: "opus", sample_rate: 48_000, channels: 2 },
    ],
  ]);
  const reasons = readEvents(toPath("codec"), "gap").map((gap) => gap["reason"]);
  assert.ok(!reasons.includes("disconnected"), reasons.join(", "));
});

/** Two links each: seconds 0 to 5 and 5 to 10 of an hour. */
async function encodeChains(): Promise<Map<string, Uint8Array>> {
  const codecs = { vorbis: "-c:a libvorbis", flac: "-c:a flac", opus: "-c:a libopus -b:a 64k" };
  const links = new Map<string, [Uint8Array, Uint8Array]>();
  for (const [name, codec] of Object.entries(codecs)) {
    const sampleRate = name === "opus" ? 48_000 : 44_100;
    const first = "-metadata artist=Björk -metadata title=one";
    links.set(name, [
      await encodeTone({ startMs: 0, seconds: 5 }, `${first} ${codec} -f ogg`),
      await encodeTone(
        { startMs: 5000, seconds: 5, sampleRate, channels: 2 },
        `-metadata title=two ${codec} -f ogg`,
      ),
    ]);
  }
  const chains = new Map([...links].map(([name, chain]) => [name, concatBytes(chain)]));
  const [vorbis] = links.get("vorbis") ?? [];
  const [, opus] = links.get("opus") ?? [];
  return chains.set("codec", concatBytes([vorbis ?? new Uint8Array(0), opus ?? new Uint8Array(0)]));
}

/** The tone tells the first seconds of an hour, whatever hour the rows claim. */
async function measure(session: RawSession): Promise<ToneReport & { samples: number }> {
  const startMs = session.rows[0]?.timestampMs ?? 0;
  const rows = session.rows.map((row) => ({ ...row, timestampMs: row.timestampMs - startMs }));
  return await measureRecording(rows, AbortSignal.timeout(30_000));
}

function toPath(name: string): string {
  return join(dir.path, "recordings", `${name}.sqlite`);
}
