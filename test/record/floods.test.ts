import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { startStation } from "../../src/station/station.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { readEvents } from "../support/events.ts";
import { measureSession, readSessions } from "../support/measure.ts";
import { type CliResult, startCli } from "../support/run-cli.ts";
import { encodeTone } from "../support/sound.ts";
import { tempDir } from "../support/temp-dir.ts";

/** One recorder in which one show is well, and the stations of all others send as fast as they can, and lie. */
const RECORD_MS = 12_000;

/** What the sockets of both sides may hold on loopback. */
const BUFFERED_BYTES_MAX = 12 * 1024 * 1024;

/** What a calm recorder takes, and 64 MiB for each flood. */
const MEMORY_KB_MAX = 500 * 1024;

const STREAM = "HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n";

type Flood = { head: string; body: Uint8Array };

const dir = tempDir();
const sent = new Map<string, { bytes: number; connections: number }>();
let recorded: { result: CliResult; memoryKb: number; cpuSeconds: number };

before(async () => {
  await using station = await startStation({
    mounts: [{ format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2, path: "/calm" }],
  });
  const floods = await createFloods();
  await using server = await startFlooding(floods);
  const config = writeConfig(station.url("/calm"), server.port, [...floods.keys()]);
  await using recorder = startCli(["record", "-c", config]);
  await recorder.waitForLine(/player at/);
  await delay(RECORD_MS);
  const status = readFileSync(`/proc/${recorder.pid}/status`, "utf8");
  const [, memory = "0"] = /VmHWM:\s+(\d+) kB/.exec(status) ?? [];
  const times = readFileSync(`/proc/${recorder.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const cpuSeconds = (Number(times[11]) + Number(times[12])) / 100;
  recorded = { result: await recorder.stop(), memoryKb: Number(memory), cpuSeconds };
});

after(() => dir[Symbol.dispose]());

test("a show beside floods loses nothing, is on time, and stays one session", async () => {
  assert.equal(recorded.result.status, 0, recorded.result.stderr);
  const sessions = readSessions(toPath("calm"));
  const [session] = sessions;
  assert.ok(session !== undefined && sessions.length === 1, recorded.result.stderr);
  assert.ok(session.durationSamples > (RECORD_MS / 1000) * 48_000);
  const report = await measureSession(session);
  assert.deepEqual([report.missing, report.doubled], [[], []]);
  assert.ok(report.lostMs < 1 && report.doubledMs < 1, JSON.stringify(report));
  assert.ok(Math.abs(report.worstErrorMs ?? Infinity) <= 250, `off by ${report.worstErrorMs} ms`);
});

test("sound is read a minute ahead of the time and not further", () => {
  assert.equal(sent.get("frames")?.connections, 1, recorded.result.stderr);
  const samples = readSessions(toPath("frames")).reduce((sum, session) => sum + session.durationSamples, 0);
  const seconds = samples / 48_000;
  // The recorder was started before, and stopped after the time that is waited for.
  const secondsMax = 60 + RECORD_MS / 1000 + 10;
  assert.ok(seconds > 60 && seconds < secondsMax, `${seconds} s`);
});

test("what is mostly no sound is read at a bounded rate", () => {
  const { bytes } = sent.get("sparse") ?? { bytes: Infinity };
  const bound = 16 * 1024 * 1024 + 2048 * RECORD_MS * 2;
  assert.ok(bytes < bound + BUFFERED_BYTES_MAX, `${bytes} bytes`);
});

for (const [name, what] of [
  ["garbage", /unsupported-format: .*neither MP3, ADTS AAC nor Ogg but bytes of no known kind/],
  ["page", /unsupported-format: .* but an HTML page/],
  ["head", /connect-failed: .*Header overflow/i],
  ["lost", /unsupported-format: no frame of mp3 in the last \d+ KiB/],
] as const) {
  test(`${name}: it is told what comes, and tried less and less often`, () => {
    assert.match(recorded.result.stderr, new RegExp(`${name}: .*${what.source}`, what.flags));
    const { bytes, connections } = sent.get(name) ?? { bytes: Infinity, connections: Infinity };
    assert.ok(connections <= 14, `${connections} connections`);
    assert.ok(bytes < connections * BUFFERED_BYTES_MAX, `${bytes} bytes in ${connections} connections`);
  });
}

test("the recorder takes little memory, and little time of a processor", () => {
  const { memoryKb, cpuSeconds } = recorded;
  assert.ok(memoryKb < MEMORY_KB_MAX, `${memoryKb} kB`);
  assert.ok(cpuSeconds < RECORD_MS / 1000 / 2, `${cpuSeconds} s of a processor`);
});

test("titles without number are kept to a few each minute", () => {
  const titles = readEvents(toPath("titles"), "title").length;
  assert.ok(titles > 0 && titles <= 200, `${titles} titles`);
});

async function createFloods(): Promise<Map<string, Flood>> {
  const mp3 = await encodeTone(
    { startMs: Date.now(), seconds: 60 },
    "-c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0 -f mp3",
  );
  const frames = mp3.subarray(0, 5000);
  const noise = new Uint8Array(randomBytes(100 * 1024));
  const calmNoise = noise.map((byte) => byte & 0x7f);
  const text = `<!DOCTYPE html><html>${"<p>not here</p>".repeat(5000)}`;
  return new Map<string, Flood>([
    ["frames", { head: STREAM, body: mp3 }],
    ["sparse", { head: STREAM, body: concatBytes([frames, calmNoise]) }],
    ["garbage", { head: STREAM, body: calmNoise }],
    [
      "lost",
      {
        head: STREAM,
        body: concatBytes([mp3.subarray(0, 160_000), ...Array.from({ length: 4 }, () => calmNoise)]),
      },
    ],
    ["page", { head: STREAM.replace("audio/mpeg", "text/html"), body: Buffer.from(text) }],
    [
      "head",
      { head: "HTTP/1.0 200 OK\r\n", body: Buffer.from(`X-Endless: ${"x".repeat(50)}\r\n`.repeat(1000)) },
    ],
    ["titles", { head: STREAM.replace("\r\n\r\n", "\r\nicy-metaint: 64\r\n\r\n"), body: withTitles(mp3) }],
  ]);
}

/** A title after every 64 bytes of sound. */
function withTitles(sound: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset + 64 <= sound.length; offset += 64) {
    const block = new Uint8Array(1 + 32);
    block[0] = 2;
    block.set(Buffer.from(`StreamTitle='${offset}';`), 1);
    parts.push(sound.subarray(offset, offset + 64), block);
  }
  return concatBytes(parts);
}

async function startFlooding(floods: Map<string, Flood>): Promise<AsyncDisposable & { port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", (data: Buffer) => {
      const name = data.toString("latin1").split(" ")[1]?.slice(1) ?? "";
      const flood = floods.get(name);
      if (flood === undefined) return void socket.destroy();
      const count = sent.get(name) ?? { bytes: 0, connections: 0 };
      count.connections++;
      sent.set(name, count);
      socket.write(flood.head);
      void send(socket, flood.body, count);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Sends the body over and over, as fast as it is taken. */
async function send(socket: Socket, body: Uint8Array, count: { bytes: number }): Promise<void> {
  while (socket.writable) {
    count.bytes += body.length;
    await new Promise<void>((resolve) => {
      socket.write(body, () => resolve());
      socket.once("close", () => resolve());
    });
  }
}

function writeConfig(calmUrl: string, port: number, names: readonly string[]): string {
  const shows = [["calm", calmUrl], ...names.map((name) => [name, `http://127.0.0.1:${port}/${name}`])];
  const path = join(dir.path, "record.toml");
  const text = shows.map(
    ([name, url]) => `[[shows]]\nname = "${name}"\nurl = "${url}"\nsplit_interval = 2\nbitrate = 64\n`,
  );
  writeFileSync(path, `[api]\nport = 0\n${text.join("")}`);
  return path;
}

function toPath(name: string): string {
  return join(dir.path, "recordings", `${name}.sqlite`);
}
