import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { samplesToMs } from "../../src/core/segment.ts";
import { type Health, isGreen, waitForHealth } from "../support/health.ts";
import { measureSession, type RawSession, readSessions } from "../support/measure.ts";
import { FILLER, fillUp, mountTmpfs, whyNoMount } from "../support/mounts.ts";
import { readEvents } from "../support/sender-database.ts";
import {
  checkIntegrity,
  eatBallast,
  SHOWS,
  startRecorder,
  startTone,
  toShowPath,
  toUrl,
} from "../support/small-disk.ts";

/** Fills the disk of a recorder and frees it again, over and over. */
export function testFullDiskCycles({ cycles }: { cycles: number }): void {
  const name = `${cycles} times full and free again: told, nothing stored is lost, and only the holes are missing`;
  test(name, { skip: whyNoMount ?? false }, async (context) => {
    // Each cycle leaves about a megabyte of sound.
    using disk = mountTmpfs(16 + 2 * cycles);
    await using station = await startTone();
    await using recorder = startRecorder(disk.path, station);
    const url = await toUrl(recorder);
    await waitForHealth(url, isGreen);
    const fullMs: { fromMs: number; toMs: number }[] = [];
    const seen = new Map<string, number>();
    for (let cycle = 0; cycle < cycles; cycle++) {
      await delay(3000);
      const fromMs = Date.now();
      fillUp(disk.path);
      const red = await waitForHealth(url, (health) => health.status === "failing");
      context.diagnostic(`red after ${Math.round(red.tookMs)} ms`);
      for (const name of SHOWS) emptyLog(toShowPath(disk.path, name));
      fillUp(disk.path);
      await waitForHealth(url, (health) => health.shows.every(isAtRest));
      await eatBallast(disk.path, cycle);
      for (const [key, crc32] of await readDigests(url)) seen.set(key, crc32);
      const toMs = Date.now();
      rmSync(join(disk.path, FILLER));
      const green = await waitForHealth(url, isGreen);
      context.diagnostic(`green after ${Math.round(green.tookMs)} ms`);
      fullMs.push({ fromMs, toMs });
    }
    await delay(3000);
    const held = await readDigests(url);
    const result = await recorder.stop();
    assert.equal(result.status, 0, result.stderr);
    for (const [key, crc32] of seen) assert.equal(held.get(key), crc32, `row ${key} is as it was shown`);
    for (const name of SHOWS) await checkShow(toShowPath(disk.path, name), fullMs);
  });
}

/** A busy machine may also have been slow to connect at the start. */
function isFullDiskGap({ kind, data }: { kind: string; data: unknown }): boolean {
  return kind === "gap" && JSON.stringify(data).includes('"disk-full"');
}

/** Its session has ended, and the station is left alone. */
function isAtRest(show: Health["shows"][number]): boolean {
  return show.state === "disk-full" && (show.last_byte_age_ms ?? 0) > 1000;
}

/** What a log has room for would let a show go on for some seconds. */
function emptyLog(path: string): void {
  using database = new DatabaseSync(path, { timeout: 5000 });
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    // What the log holds may need more room than there is: then the log has none either.
    assert.match(String(error), /database or disk is full/);
  }
}

/** CRCs of all rows that the API shows, by show and id. */
async function readDigests(url: string): Promise<Map<string, number>> {
  const digests = new Map<string, number>();
  for (const name of SHOWS) {
    const answer = await fetch(`${url}/api/sync/shows/${name}/segments?start_id=1&end_id=100000&limit=1000`);
    assert.equal(answer.status, 200);
    const rows: { id: number; crc32: number }[] = JSON.parse(await answer.text());
    for (const { id, crc32 } of rows) digests.set(`${name} ${id}`, crc32);
  }
  return digests;
}

/** Stretches of sound. What was heard and not yet encoded when the disk was full is a session that begins where another ends. */
function toSpans(sessions: readonly RawSession[]): { startMs: number; endMs: number }[] {
  const spans: { startMs: number; endMs: number }[] = [];
  for (const session of sessions) {
    const startMs = session.rows[0]?.timestampMs ?? 0;
    const last = spans.at(-1);
    if (last !== undefined && Math.abs(startMs - last.endMs) < 100) last.endMs = toEndMs(session);
    else spans.push({ startMs, endMs: toEndMs(session) });
  }
  return spans;
}

/** Sessions are whole; between two of them there is a gap that says so, where the disk was full, and as long as it says. */
async function checkShow(path: string, fullMs: readonly { fromMs: number; toMs: number }[]): Promise<void> {
  checkIntegrity(path);
  const sessions = readSessions(path);
  const gaps = readEvents(path).filter(isFullDiskGap);
  const spans = toSpans(sessions);
  assert.equal(spans.length, fullMs.length + 1);
  assert.equal(gaps.length, fullMs.length);
  for (const session of sessions) {
    const report = await measureSession(session);
    assert.equal(report.samples, session.durationSamples);
    assert.deepEqual([report.missing, report.doubled], [[], []]);
    assert.ok(
      report.lostMs < 1 && report.doubledMs < 1,
      `${report.lostMs} lost, ${report.doubledMs} doubled`,
    );
    // Less than a second of sound need not hold the start of one.
    const unknownMs = session.durationSamples < 48_000 ? 0 : Infinity;
    assert.ok(Math.abs(report.worstErrorMs ?? unknownMs) <= 250, `off by ${report.worstErrorMs} ms`);
  }
  for (const [index, { data }] of gaps.entries()) {
    const gap: { start_ms: number; end_ms: number; reason: string } = JSON.parse(JSON.stringify(data));
    const full = fullMs[index] ?? { fromMs: 0, toMs: 0 };
    assert.ok(
      Math.abs(gap.start_ms - (spans[index]?.endMs ?? 0)) < 100,
      "it begins where the stored sound ends",
    );
    assert.ok(Math.abs(gap.end_ms - (spans[index + 1]?.startMs ?? 0)) < 100, "and ends with sound");
    assert.ok(
      gap.start_ms >= full.fromMs - 1000,
      `${full.fromMs - gap.start_ms} ms before the disk was full`,
    );
    assert.ok(gap.end_ms >= full.toMs - 3000, "it does not end while the disk is full");
  }
}

function toEndMs(session: RawSession | undefined): number {
  const last = session?.rows.at(-1);
  return last === undefined ? 0 : last.timestampMs + samplesToMs(last.durationSamples);
}
