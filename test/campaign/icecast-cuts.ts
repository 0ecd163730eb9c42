import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { startIcecast, startSource, writeToneClock } from "../support/icecast.ts";
import { readSessions } from "../support/measure.ts";
import { createRandom } from "../support/random.ts";
import { measureDelay } from "../support/reference-listener.ts";
import { startCli } from "../support/run-cli.ts";
import { readEvents } from "../support/show-events.ts";
import { measureSpan, type SoundSpan } from "../support/sound-span.ts";
import { CUTS, startStreamProxy, type StreamProxy } from "../support/stream-proxy.ts";
import { tempDir } from "../support/temp-dir.ts";

const FORMATS = ["mp3", "aac"] as const;

type CutShow = { name: string; format: (typeof FORMATS)[number]; proxy: StreamProxy; isLong: boolean };

/** Icecast's burst of 64 KiB is 4.1 s at 128 kbit/s, so these cuts can be healed. */
const CUT_MS = { least: 100, most: 3000 };

/** A burst cannot reach back so far. */
const LONG_CUT_MS = 8000;

/** Between two cuts: a recorder comes back within half a second, and has the burst at once. */
const CALM_MS = { least: 2000, most: 4000 };

/** Before the first cut: a recorder in this machine's worst hour is up by then. */
const START_MS = 6000;

const GAP_ERROR_MS_MAX = 100;

/** Each show of each format is cut `cuts` times, and one more of each format is cut once for longer than the burst. */
export function testIcecastCuts({ showsPerFormat, cuts }: { showsPerFormat: number; cuts: number }): void {
  const count = showsPerFormat * FORMATS.length * cuts;
  test(`${count} lost connections to Icecast cost no sample, and two long ones a gap`, async (context) => {
    const { random, seed } = createRandom();
    context.diagnostic(`seed ${seed}`);
    using dir = tempDir();
    const seconds = (START_MS + cuts * (CUT_MS.most + CALM_MS.most) + LONG_CUT_MS) / 1000;
    await using icecast = await startPlaying(dir.path, 2 * Math.ceil(seconds));
    await using shows = await startShows(icecast.port, showsPerFormat);
    await using recorder = startCli(["record", "-c", writeConfig(dir.path, shows.list)]);
    await recorder.waitForLine(/recording begins/);
    const delays = Promise.all(
      FORMATS.map((format) => measureDelay(icecast.url(format), format, START_MS + LONG_CUT_MS)),
    );
    await delay(START_MS);
    await Promise.all(shows.list.map((show) => cutAgain(show, show.isLong ? 1 : cuts, random)));
    const { status, stderr } = await recorder.stop();
    assert.equal(status, 0, stderr);
    const [mp3 = 0, aac = 0] = await delays;
    for (const show of shows.list) {
      const path = join(dir.path, "recordings", `${show.name}.sqlite`);
      if (!show.isLong) await checkUnbroken(path, cuts);
      else context.diagnostic(await checkGap(path, { mp3, aac }[show.format]));
    }
  });
}

/** Icecast with one source per format. */
async function startPlaying(
  directory: string,
  seconds: number,
): Promise<AsyncDisposable & { port: number; url: (format: string) => string }> {
  await using stack = new AsyncDisposableStack();
  const stationDir = join(directory, "icecast");
  mkdirSync(stationDir);
  const icecast = stack.use(await startIcecast(stationDir));
  const file = join(directory, "tone.wav");
  writeToneClock(file, seconds);
  for (const format of FORMATS) stack.use(startSource(icecast, { file, path: `/${format}`, format }));
  // The mounts are there, and the first burst is full.
  await delay(6000);
  const all = stack.move();
  return {
    port: icecast.port,
    url: (format) => `http://127.0.0.1:${icecast.port}/${format}`,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function startShows(
  port: number,
  showsPerFormat: number,
): Promise<AsyncDisposable & { list: CutShow[] }> {
  await using stack = new AsyncDisposableStack();
  const list: CutShow[] = [];
  for (const format of FORMATS) {
    for (let index = 0; index <= showsPerFormat; index++) {
      const proxy = stack.use(await startStreamProxy(port));
      list.push({ name: `${format}-${index}`, format, proxy, isLong: index === showsPerFormat });
    }
  }
  const all = stack.move();
  return { list, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function cutAgain({ proxy, isLong }: CutShow, cuts: number, random: () => number): Promise<void> {
  const between = ({ least, most }: typeof CUT_MS): number => least + random() * (most - least);
  for (let cut = 0; cut < cuts; cut++) {
    const how = CUTS[Math.floor(random() * CUTS.length)] ?? "end";
    await proxy.cut(how, isLong ? LONG_CUT_MS : between(CUT_MS));
    await delay(between(CALM_MS));
  }
}

/** One session, whole, with a certain stitch for each cut. */
async function checkUnbroken(path: string, cuts: number): Promise<void> {
  const [session, ...others] = readSessions(path);
  assert.ok(session !== undefined && others.length === 0, `${path} holds ${others.length + 1} sessions`);
  const { report } = await measureSpan(session.audio, session.rows[0]?.timestampMs ?? 0);
  assert.equal(report.samples, session.durationSamples, `${path} decodes to its duration`);
  const found = [report.missing, report.doubled, report.outOfOrder, report.splices];
  assert.deepEqual(found, [[], [], 0, []], `${path}: ${JSON.stringify(report.splices)}`);
  assert.deepEqual(readEvents(path, "gap"), []);
  const stitches = readEvents(path, "stitch");
  assert.equal(stitches.length, cuts, `${path}: ${JSON.stringify(stitches)}`);
  assert.deepEqual(
    stitches.filter((stitch) => stitch["is_certain"] !== true),
    [],
  );
}

/** Two sessions, and a gap that ends and begins where their sound does. `delayMs` is how late the station's clock is. */
async function checkGap(path: string, delayMs: number): Promise<string> {
  const sessions = readSessions(path);
  const spans: SoundSpan[] = [];
  for (const { audio, rows } of sessions) {
    const { span } = await measureSpan(audio, (rows[0]?.timestampMs ?? 0) - delayMs);
    assert.ok(span !== undefined);
    spans.push({ startMs: span.startMs + delayMs, endMs: span.endMs + delayMs });
  }
  const [before, after, ...others] = spans;
  assert.ok(before !== undefined && after !== undefined && others.length === 0, `${path}: ${spans.length}`);
  const [gap, ...gaps] = readEvents(path, "gap");
  assert.deepEqual([gap?.["reason"], gaps], [gap?.["reason"], []]);
  const startErrorMs = Number(gap?.["start_ms"]) - before.endMs;
  const endErrorMs = Number(gap?.["end_ms"]) - after.startMs;
  const shown = `gap (${String(gap?.["reason"])}): start off by ${startErrorMs.toFixed(1)} ms, end by ${endErrorMs.toFixed(1)} ms`;
  assert.ok(Math.max(Math.abs(startErrorMs), Math.abs(endErrorMs)) <= GAP_ERROR_MS_MAX, `${path}: ${shown}`);
  assert.ok(after.startMs - before.endMs > LONG_CUT_MS - 5000, `${path}: the hole is real`);
  return shown;
}

function writeConfig(directory: string, shows: readonly CutShow[]): string {
  const tables = shows.map(
    ({ name, format, proxy }) =>
      `[[shows]]\nname = "${name}"\nurl = "${proxy.url(`/${format}`)}"\nsplit_interval = 5\nbitrate = 64\n`,
  );
  const path = join(directory, "record.toml");
  writeFileSync(path, `[api]\nport = 0\n${tables.join("")}`);
  return path;
}
