import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { measureToneClock, type ToneReport } from "../../src/station/tone-clock-report.ts";
import { renderToneClock } from "../../src/station/tone-clock.ts";
import { encode, readPcm, readTones } from "./ffmpeg.ts";

/** 300 ms before a second, so that every second of the sound has its start inside. */
const START_MS = Date.UTC(2026, 9, 25, 0, 59, 52, 700);
const FIRST_S = Math.ceil(START_MS / 1000);
const SECONDS = 14;

/** The sound from `fromMs` to `toMs` after the start. */
function piece(fromMs: number, toMs: number): Int16Array {
  const samples = Math.round((toMs - fromMs) * 48);
  return renderToneClock({ startMs: START_MS + fromMs, sampleRate: 48_000, samples, channels: 1 });
}

function join(...pieces: Int16Array[]): Int16Array {
  return Int16Array.from(pieces.flatMap((pcm) => [...pcm]));
}

function measure(
  pcm: Int16Array,
  toClaimedMs = (sample: number): number => START_MS + sample / 48,
): ToneReport {
  const { marks, silences } = readPcm(pcm);
  return measureToneClock({ marks, silences, toClaimedMs });
}

/** Seconds counted from the first that is heard. */
function toOffsets(runs: ToneReport["held"]): number[][] {
  return runs.map(({ fromS, toS }) => [fromS - FIRST_S, toS - FIRST_S]);
}

function assertNear(actual: number | undefined, expected: number, tolerance = 0.1): void {
  assert.ok(Math.abs((actual ?? NaN) - expected) <= tolerance, `${actual} is not ${expected}`);
}

const END_MS = SECONDS * 1000;

describe("measureToneClock", () => {
  test("finds nothing wrong with the sound as it is", () => {
    const report = measure(piece(0, END_MS));
    assert.deepEqual(toOffsets(report.held), [[0, SECONDS - 1]]);
    assert.deepEqual([report.missing, report.doubled, report.splices], [[], [], []]);
    assert.deepEqual([report.lostMs, report.doubledMs, report.silentMs, report.outOfOrder], [0, 0, 0, 0]);
    assertNear(report.medianErrorMs, 0);
    assertNear(report.worstErrorMs, 0);
  });

  test("says nothing of sound without a mark", () => {
    const report = measure(new Int16Array(96_000));
    assert.deepEqual([report.held, report.errors, report.lostMs], [[], [], 0]);
    assert.equal(report.medianErrorMs, undefined);
    assert.equal(report.worstErrorMs, undefined);
    assertNear(report.silentMs, 2000, 10);
  });

  for (const lostMs of [5, 50, 400]) {
    test(`finds ${lostMs} ms that were taken out, wherever that was`, () => {
      // In a tone, across a click, inside the pause, right behind a click.
      for (const cutMs of [3800, 4298, 4270, 4320]) {
        const report = measure(join(piece(0, cutMs), piece(cutMs + lostMs, END_MS)));
        assertNear(report.lostMs, lostMs);
        assert.equal(report.doubledMs, 0);
        assert.equal(report.splices.length, 1);
        assertNear(report.worstErrorMs, -lostMs);
      }
    });
  }

  test("finds 5 ms that were taken out before the sound was encoded with Opus at 16 kbit/s", async () => {
    const pcm = join(piece(0, 5100), piece(5105, END_MS));
    const codec = { sampleRate: 48_000, channels: 1, codec: "-c:a libopus -b:a 16k -f ogg" };
    const { marks } = await readTones(await encode(pcm, codec));
    const report = measureToneClock({ marks, toClaimedMs: (sample) => START_MS + sample / 48 });
    assert.equal(report.splices.length, 1);
    assert.equal(report.splices[0]?.afterS, FIRST_S + 4);
    assertNear(report.lostMs, 5, 0.2);
  });

  test("finds 2 s that were taken out, and which", () => {
    const report = measure(join(piece(0, 5000), piece(7000, END_MS)));
    assert.deepEqual(toOffsets(report.held), [
      [0, 4],
      [7, SECONDS - 1],
    ]);
    assert.deepEqual(toOffsets(report.missing), [[5, 6]]);
    assertNear(report.lostMs, 2000);
    assert.equal(report.doubledMs, 0);
  });

  test("finds that 90 s are missing although the pitch of the second comes round", () => {
    const report = measure(join(piece(0, 5000), piece(95_000, 99_000)));
    assertNear(report.lostMs, 90_000);
    assert.deepEqual(toOffsets(report.missing), [[5, 94]]);
  });

  for (const doubledMs of [5, 1000, 2600]) {
    test(`finds ${doubledMs} ms that are there twice`, () => {
      for (const cutMs of [6300, 6600]) {
        const report = measure(join(piece(0, cutMs), piece(cutMs - doubledMs, END_MS)));
        assertNear(report.doubledMs, doubledMs);
        assert.equal(report.lostMs, 0);
        assert.deepEqual(report.missing, []);
        // Seconds start 300, 1300, … ms after the start of the sound.
        const starts = Math.ceil((cutMs - 300) / 1000) - Math.ceil((cutMs - doubledMs - 300) / 1000);
        assert.equal(report.doubled.length, starts);
      }
    });
  }

  test("finds seconds in the wrong order, of which none is lost or doubled", () => {
    const report = measure(join(piece(0, 4300), piece(6300, 7300), piece(4300, 6300), piece(7300, END_MS)));
    assert.equal(report.outOfOrder, 1);
    assert.equal(report.splices.length, 3);
    assert.deepEqual([report.missing, report.doubled], [[], []]);
    assertNear(report.lostMs, 0);
    assertNear(report.doubledMs, 0);
  });

  test("takes silence that stands for lost sound for lost", () => {
    const pcm = piece(0, END_MS);
    pcm.fill(0, 48 * 4800, 48 * 8800);
    const report = measure(pcm);
    assert.deepEqual(toOffsets(report.missing), [[5, 8]]);
    assertNear(report.silentMs, 4000, 10);
    assertNear(report.lostMs, 3000, 1);
  });

  test("measures how far the claimed time is off, with its sign, for each mark", () => {
    const lateFrom = 48_000 * 10;
    const report = measure(
      piece(0, END_MS),
      (sample) => START_MS + sample / 48 + (sample < lateFrom ? 120 : -700),
    );
    assertNear(report.medianErrorMs, 120);
    assertNear(report.worstErrorMs, -700);
    assert.equal(report.errors.length, SECONDS);
    assert.equal(report.errors.filter(({ errorMs }) => errorMs > 0).length, 10);
    assert.equal(report.splices.length, 0);
  });

  test("sees an error of whole minutes", () => {
    const report = measure(piece(0, END_MS), (sample) => START_MS + sample / 48 + 5 * 60_000);
    assertNear(report.medianErrorMs, 300_000);
    assert.deepEqual(toOffsets(report.held), [[0, SECONDS - 1]]);
  });
});
