import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { detectFormat } from "../../src/audio/detect-format.ts";
import { FrameParser } from "../../src/audio/frame-parser.ts";
import { AppError } from "../../src/core/app-error.ts";
import { systemClock } from "../../src/core/clock.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import type { MountOptions } from "../../src/station/mount.ts";
import { type Station, startStation } from "../../src/station/station.ts";
import { type Capture, capture, measureArrivals, toFrames } from "./capture.ts";
import { countChildren, readTones } from "./ffmpeg.ts";

const MP3 = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 } as const;
const LOW_MP3 = { format: "mp3", bitrateKbps: 32, sampleRate: 22_050, channels: 1 } as const;
const AAC = { format: "aac", bitrateKbps: 96, sampleRate: 44_100, channels: 2 } as const;
const BURST_BYTES = 65_536;

/** Splits what a listener of titles is sent. */
function splitIcy(body: Uint8Array, metaintBytes: number): { audio: Uint8Array; titles: string[] } {
  const audio: Uint8Array[] = [];
  const titles: string[] = [];
  for (let offset = 0; offset < body.length;) {
    audio.push(body.subarray(offset, offset + metaintBytes));
    offset += metaintBytes;
    const length = (body[offset] ?? 0) * 16;
    if (length > 0) titles.push(Buffer.from(body.subarray(offset + 1, offset + 1 + length)).toString("utf8"));
    offset += 1 + length;
  }
  return { audio: concatBytes(audio), titles: titles.map((title) => title.replace(/\0+$/, "")) };
}

/** Waits, for a few seconds at most, until `condition` holds. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = Date.now() + 6000;
  while (!condition()) {
    assert.ok(Date.now() < endMs, `waited in vain until ${what}`);
    await delay(10);
  }
}

describe("a station", { concurrency: true }, () => {
  const names = ["/titles", "/drop", "/cut", "/stall", "/skip", "/garbage", "/format", "/refuse", "/slow"];
  const mounts: MountOptions[] = [
    { path: "/mp3", ...MP3 },
    { path: "/low", ...LOW_MP3 },
    { path: "/aac", ...AAC },
    { path: "/icy", ...LOW_MP3, burstBytes: 4000, statusLine: "ICY 200 OK", hasTitles: false },
    ...names.map((path) => ({ path, ...MP3, burstBytes: 16_384 })),
  ];
  let station: Station;
  const captures: Capture[] = [];
  const listen = (path: string, headers = ""): Capture => {
    const one = capture(station.port, path, headers);
    captures.push(one);
    return one;
  };
  before(async () => {
    station = await startStation({ mounts });
  });
  after(async () => {
    for (const one of captures) one.close();
    await station.close();
  });

  for (const { path, format, sampleRate } of mounts.slice(0, 3)) {
    test(`sends ${path} a burst at once, and every sound when its time has come`, async () => {
      const startMs = Date.now();
      const one = listen(path);
      await until(() => one.body().length >= BURST_BYTES - 2000, "the burst is there");
      assert.ok(Date.now() - startMs < 1000, "the burst is slow");
      await delay(5500);
      one.close();
      const frames = toFrames(one.body(), format);
      const last = frames.at(-1);
      assert.equal(one.body().length, (last?.offset ?? 0) + (last?.bytes.length ?? 0), "only whole frames");
      const soundMs = frames.length * (frames[1]?.startS ?? 0) * 1000;
      const burstMs = soundMs - (one.arrivalMs(one.body().length - 1) - one.arrivalMs(0));
      const expectedMs = path === "/mp3" ? 4096 : path === "/low" ? 16_384 : 5461;
      assert.ok(
        Math.abs(burstMs - expectedMs) < 0.1 * expectedMs + 100,
        `the burst is ${burstMs} ms of sound`,
      );

      const report = await measureArrivals(one, { format, fromMs: startMs + 500 });
      assert.ok(report.errors.length >= 4, `${report.errors.length} marks`);
      assert.deepEqual([report.splices, report.missing, report.doubled], [[], [], []]);
      // A busy machine delays single frames; the shift of a whole frame would show in the median.
      const frameMs = (576 * 1000) / sampleRate;
      assert.ok(
        Math.abs(report.medianErrorMs ?? NaN) < Math.max(12, frameMs / 2),
        `${report.medianErrorMs} ms`,
      );
      // One sound may come late on a machine that does something else meanwhile.
      assert.ok(Math.abs(report.worstErrorMs ?? NaN) < 250, `${report.worstErrorMs} ms`);
    });
  }

  test("answers as Icecast does", async () => {
    const one = listen("/aac");
    await until(() => one.body().length > 0, "there is audio");
    const head = one.head();
    assert.match(head, /^HTTP\/1\.0 200 OK\r\n/);
    assert.match(head, /\r\nContent-Type: audio\/aac\r\n/);
    assert.match(head, /\r\nicy-br: 96\r\n/);
    assert.match(head, /\r\nicy-name: .+\r\n/);
    assert.doesNotMatch(head, /content-length|icy-metaint/i);
    const date = /\r\nDate: (.+)\r\n/.exec(head)?.[1] ?? "";
    assert.ok(Math.abs(Date.parse(date) - Date.now()) < 2000, date);
  });

  test("answers as Shoutcast does where it is told to", async () => {
    const one = listen("/icy", "Icy-MetaData: 1\r\n");
    await until(() => one.body().length > 0, "there is audio");
    assert.match(one.head(), /^ICY 200 OK\r\n/);
    assert.doesNotMatch(one.head(), /icy-metaint/i);
  });

  test("turns away what is no request for a mount", async () => {
    const wrong = listen("/nothing");
    const broken = listen("/mp3 x y\r\n");
    await until(() => wrong.isClosed() && broken.isClosed(), "both are closed");
    assert.match(Buffer.from(wrong.bytes()).toString(), /^HTTP\/1\.0 404 /);
    assert.match(Buffer.from(broken.bytes()).toString(), /^HTTP\/1\.0 400 /);
  });

  test("puts titles into the audio of those who ask for them", async () => {
    station.setTitle("/titles", "It's Übung 1; ok");
    const one = listen("/titles", "icy-metadata: 1\r\n");
    const plain = listen("/titles");
    await until(() => one.body().length > 20_000, "the first title is there");
    station.setTitle("/titles", "x".repeat(5000));
    await until(() => one.body().length > 60_000, "the second title is there");
    one.close();
    assert.match(one.head(), /\r\nicy-metaint: 16000\r\n/);
    const { audio, titles } = splitIcy(one.body(), 16_000);
    assert.equal(titles.length, 2);
    assert.equal(titles[0], "StreamTitle='It's Übung 1; ok';");
    assert.match(titles[1] ?? "", /^StreamTitle='x{4000,4080}';$/);
    const stream = plain.body();
    // Sound may have come between the two, so that the burst of the second begins later.
    const offset = Buffer.from(audio).indexOf(stream.subarray(0, 1000));
    assert.ok(offset >= 0, "both hear the same burst");
    assert.deepEqual(
      audio.subarray(offset, offset + 50_000),
      stream.subarray(0, 50_000),
      "without titles the audio is the same",
    );
  });

  test("drops connections in order and with a reset", async () => {
    const [first, second] = [listen("/drop"), listen("/drop")];
    await until(() => first.body().length > 0 && second.body().length > 0, "both listen");
    assert.equal(station.stats("/drop").listeners, 2);
    station.drop("/drop");
    await until(() => first.isClosed() && second.isClosed(), "both are gone");
    assert.deepEqual([first.errorCode(), second.errorCode()], [undefined, undefined]);
    const third = listen("/drop");
    await until(() => third.body().length > 0, "the third listens");
    station.drop("/drop", "reset");
    await until(() => third.isClosed(), "the third is gone");
    assert.equal(third.errorCode(), "ECONNRESET");
    assert.equal(station.stats("/drop").connections, 3);
    await until(() => station.stats("/drop").listeners === 0, "nobody is counted");
  });

  test("cuts a frame in half, and has it whole in the next burst", async () => {
    const one = listen("/cut");
    await until(() => one.body().length > 16_000, "the burst is there");
    station.cutMidFrame("/cut");
    await until(() => one.isClosed(), "the connection is closed");
    const again = listen("/cut");
    await until(() => again.body().length > 16_000, "the burst is there again");
    const stream = Buffer.from(one.body());
    const frames = toFrames(stream, "mp3");
    const last = frames.at(-1);
    const half = stream.subarray((last?.offset ?? 0) + (last?.bytes.length ?? 0));
    assert.ok(half.length > 100 && half.length < 400, `${half.length} bytes are left`);
    const next = Buffer.from(again.body());
    const at = next.indexOf(last?.bytes ?? "");
    assert.ok(at >= 0, "the last whole frame is in the burst");
    assert.ok(next.subarray(at + (last?.bytes.length ?? 0)).indexOf(half) === 0, "and the cut one behind it");
  });

  for (const [path, backlog, expectedLostMs] of [
    ["/stall", "send", 0],
    ["/skip", "skip", 1500],
  ] as const) {
    test(`stalls, and ${backlog}s the backlog afterwards`, async () => {
      const one = listen(path);
      await until(() => one.body().length > 16_000, "the burst is there");
      // Enough sound before and after the stall that marks are found on both sides of it.
      await delay(800);
      station.stall(path, 1500, backlog);
      await delay(100);
      const during = listen(path);
      await delay(900);
      assert.equal(during.bytes().length, 0);
      await delay(3000);
      assert.ok(one.longestPauseMs() > 1300 && one.longestPauseMs() < 1800, `${one.longestPauseMs()} ms`);
      assert.match(during.head(), /^HTTP\/1\.0 200 /);
      assert.ok(during.body().length > 16_384);
      const report = await measureArrivals(one, { format: "mp3", fromMs: 0 });
      assert.ok(Math.abs(report.lostMs - expectedLostMs) < 200, `${report.lostMs} ms are lost`);
      assert.equal(report.doubledMs, 0);
      const stalledForGood = listen(path);
      station.stall(path, Infinity, backlog);
      await delay(200);
      station.stall(path, 0, backlog);
      await until(() => stalledForGood.body().length > 16_384, "the stall is taken back");
    });
  }

  test("sends garbage in the middle of a frame", async () => {
    const one = listen("/garbage");
    await until(() => one.body().length > 16_000, "the burst is there");
    station.sendGarbage("/garbage", 3000);
    await delay(1000);
    const parser = new FrameParser("mp3");
    const frames = parser.push(one.body());
    assert.ok(parser.skippedBytes >= 3000 && parser.skippedBytes < 4500, `${parser.skippedBytes} bytes`);
    assert.ok(frames.length > 60);
  });

  test("keeps its format when the new one is refused", async () => {
    const change = station.changeFormat("/titles", { sampleRate: 12_345 });
    await assert.rejects(change, (error) => error instanceof AppError && error.code === "usage");
    const one = listen("/titles");
    await until(() => detectFormat(one.body()) === "mp3", "it plays on");
  });

  test("changes its format under its listeners, and plays on", async () => {
    const one = listen("/format");
    await until(() => one.body().length > 16_000, "the burst is there");
    const lengthBefore = one.body().length;
    const { fromMs, toMs } = station.playSilence("/format", 500);
    assert.ok(fromMs > Date.now() && Math.round(toMs - fromMs) === 500);
    await station.changeFormat("/format", { format: "aac", bitrateKbps: 64 });
    const after = listen("/format");
    await delay(2300);
    assert.match(after.head(), /audio\/aac/);
    assert.equal(detectFormat(after.body()), "aac");
    assert.equal(detectFormat(one.body().subarray(0, lengthBefore)), "mp3");
    assert.equal(detectFormat(one.body().subarray(-10_000)), "aac");
    const report = await measureArrivals(after, { format: "aac", fromMs: 0 });
    assert.deepEqual(report.splices, []);
  });

  test("refuses connections for a while", async () => {
    station.refuse("/refuse", 60_000);
    const refused = listen("/refuse");
    await until(() => refused.isClosed(), "the answer is there");
    assert.match(Buffer.from(refused.bytes()).toString(), /^HTTP\/1\.0 503 /);
    station.refuse("/refuse", 60_000, "close");
    const closed = listen("/refuse");
    await until(() => closed.isClosed(), "it is closed");
    assert.equal(closed.bytes().length, 0);
    station.refuse("/refuse", 0);
    const served = listen("/refuse");
    await until(() => served.body().length > 0, "it is served again");
    assert.deepEqual(station.stats("/refuse"), {
      connections: 3,
      refused: 2,
      listeners: 1,
      droppedSlow: 0,
      encoderRestarts: 0,
    });
  });

  test("drops a listener that does not read", async () => {
    const one = listen("/slow");
    await until(() => one.body().length > 0, "it listens");
    one.pause();
    station.sendGarbage("/slow", 20_000_000);
    await until(() => station.stats("/slow").droppedSlow === 1, "it is dropped");
    await until(() => station.stats("/slow").listeners === 0, "it is not counted");
  });

  test("knows its mounts only", () => {
    assert.equal(station.url("/mp3"), `http://127.0.0.1:${station.port}/mp3`);
    assert.throws(
      () => station.drop("/mp4"),
      (error) => error instanceof AppError && error.code === "not-found",
    );
  });
});

describe("startStation", () => {
  const mounts = [{ path: "/", ...LOW_MP3, burstBytes: 8000 }];

  test("has silence in the sound when it was asked for", async () => {
    await using station = await startStation({ mounts });
    const { fromMs, toMs } = station.playSilence("/", 1000);
    await delay(fromMs - Date.now());
    const one = capture(station.port, "/");
    await delay(toMs + 300 - Date.now());
    one.close();
    const { silences } = await readTones(one.body());
    assert.ok(
      silences.some(({ samples }) => samples > 45_000 && samples < 55_000),
      JSON.stringify(silences),
    );
  });

  test("has a Date header that is off, or none", async () => {
    for (const dateOffsetMs of [-3_600_000, "absent"] as const) {
      await using station = await startStation({ mounts, dateOffsetMs });
      const one = capture(station.port, "/");
      await until(() => one.body().length > 0, "there is audio");
      const date = /\r\nDate: (.+)\r\n/.exec(one.head())?.[1];
      one.close();
      if (dateOffsetMs === "absent") assert.equal(date, undefined);
      else assert.ok(Math.abs(Date.parse(date ?? "") - Date.now() - dateOffsetMs) < 2000, `Date is ${date}`);
    }
  });

  test("starts anew when the clock is set", async () => {
    let offsetMs = 0;
    await using station = await startStation({
      mounts,
      clock: { ...systemClock, nowMs: () => Date.now() + offsetMs },
    });
    for (const [index, jumpMs] of [3_000_000, -1_000_000].entries()) {
      const one = capture(station.port, "/");
      await until(() => one.body().length > 0, "there is audio");
      offsetMs = jumpMs;
      await until(() => one.isClosed(), "listeners are dropped");
      assert.equal(station.stats("/").encoderRestarts, index + 1);
      await delay(1000);
      const again = capture(station.port, "/");
      await delay(2000);
      again.close();
      const { marks } = await readTones(again.body());
      const minute = new Date(Date.now() + jumpMs).getUTCMinutes();
      assert.ok(marks.length > 0 && marks.every((mark) => (61 + minute - mark.minute) % 60 <= 2));
    }
    assert.equal(station.stats("/").encoderRestarts, 2);
  });

  test("ends connections and children when its signal aborts", async (t) => {
    const stop = new AbortController();
    const station = await startStation({ mounts, signal: stop.signal });
    const one = capture(station.port, "/");
    await until(() => one.body().length > 0, "there is audio");
    const change = station.changeFormat("/", { bitrateKbps: 64 });
    stop.abort();
    await assert.rejects(change, { name: "AbortError" });
    await until(() => one.isClosed(), "the connection is closed");
    await t.waitFor(() => assert.equal(countChildren(), 0));
    await station.close();
    const late = capture(station.port, "/");
    await until(() => late.isClosed(), "the port is closed");
    assert.equal(late.errorCode(), "ECONNREFUSED");
  });

  test("closes without waiting for a client that asks for nothing", async () => {
    const station = await startStation({ mounts });
    const socket = connect(station.port, "127.0.0.1");
    await once(socket, "connect");
    const startMs = Date.now();
    await station.close();
    assert.ok(Date.now() - startMs < 1000);
    socket.destroy();
  });

  test("fails without leaving a child when the port is taken or the encoder refuses", async (t) => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await assert.rejects(
      startStation({ mounts, port }),
      (error) => error instanceof AppError && error.code === "busy",
    );
    other.close();
    const wrong = [...mounts, { path: "/wrong", ...LOW_MP3, sampleRate: 12_345 }];
    await assert.rejects(
      startStation({ mounts: wrong }),
      (error) => error instanceof AppError && error.code === "usage",
    );
    await t.waitFor(() => assert.equal(countChildren(), 0));
  });
});
