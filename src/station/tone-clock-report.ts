import { samplesToMs } from "../core/segment.ts";
import type { ToneMark, ToneSilence } from "./tone-clock-reader.ts";
import { PERIOD_SECONDS } from "./tone-clock.ts";

/** What was read, and what the recording says about it. */
export type ToneReading = {
  marks: readonly ToneMark[];
  silences?: readonly ToneSilence[];
  /** Unix time that the recording claims for a position, in samples at 48 kHz. Must be right to half an hour. */
  toClaimedMs: (sample: number) => number;
};

/** Whole Unix seconds, both ends included. */
export type SecondRun = { fromS: number; toS: number };

/** A place where the sound jumps in time, known to lie between two neighbouring marks. */
export type ToneSplice = {
  /** The mark before the place and its position in samples at 48 kHz. */
  afterS: number;
  afterSample: number;
  /** Above 0: so much is missing. Below 0: so much is heard again. */
  lostMs: number;
};

/** What a recording holds of the tone clock, measured from its sound. */
export type ToneReport = {
  /** Seconds whose start was heard. */
  held: SecondRun[];
  /** Seconds between the first and the last held whose start was not heard. */
  missing: SecondRun[];
  /** Seconds whose start was heard more than once, each named once for every time too many. */
  doubled: number[];
  /** Marks that tell an earlier time than the mark before them. */
  outOfOrder: number;
  splices: ToneSplice[];
  /** Sound that is missing between the first and the last mark, whole seconds included. */
  lostMs: number;
  /** Sound that is there more than once. */
  doubledMs: number;
  /** Stretches without sound, as long as they are. */
  silentMs: number;
  /** Claimed less true time for each mark, in the order of the sound. */
  errors: { unixS: number; errorMs: number }[];
  /** `undefined` when there is no mark. */
  medianErrorMs: number | undefined;
  /** The error that is farthest from 0, with its sign; `undefined` when there is no mark. */
  worstErrorMs: number | undefined;
};

type TimedMark = { sample: number; unixS: number };
type Interval = { fromS: number; toS: number };

/** Marks are found to some hundredths of a millisecond, so what is above this is a jump in the sound. */
const SPLICE_MS_MIN = 1;

/**
 * Measures a reading against the time that the recording claims. The marks tell the time within an hour; the claim
 * tells which hour.
 */
export function measureToneClock(reading: ToneReading): ToneReport {
  const marks = reading.marks.map((mark) => ({
    sample: mark.sample,
    unixS: toUnixS(mark, reading.toClaimedMs(mark.sample)),
  }));
  const errors = marks.map(({ sample, unixS }) => ({
    unixS,
    errorMs: reading.toClaimedMs(sample) - unixS * 1000,
  }));
  const sorted = errors.map(({ errorMs }) => errorMs).toSorted((a, b) => a - b);
  const seconds = marks.map(({ unixS }) => unixS).toSorted((a, b) => a - b);
  const held = toRuns([...new Set(seconds)]);
  return {
    held,
    missing: toGaps(held),
    doubled: seconds.filter((second, index) => second === seconds[index - 1]),
    outOfOrder: marks.filter(({ unixS }, index) => unixS < (marks[index - 1]?.unixS ?? unixS)).length,
    splices: toSplices(marks),
    ...toBalance(toIntervals(marks)),
    silentMs: (reading.silences ?? []).reduce((sum, { samples }) => sum + samplesToMs(samples), 0),
    errors,
    medianErrorMs: sorted[Math.floor(sorted.length / 2)],
    worstErrorMs: Math.abs(sorted[0] ?? 0) > Math.abs(sorted.at(-1) ?? 0) ? sorted[0] : sorted.at(-1),
  };
}

/** The second nearest to the claim that sounds like this. */
function toUnixS(mark: ToneMark, claimedMs: number): number {
  const inPeriod = mark.minute * 60 + mark.second;
  return inPeriod + PERIOD_SECONDS * Math.round((claimedMs / 1000 - inPeriod) / PERIOD_SECONDS);
}

function toRuns(seconds: readonly number[]): SecondRun[] {
  const runs: SecondRun[] = [];
  for (const second of seconds) {
    const run = runs.at(-1);
    if (run !== undefined && second === run.toS + 1) run.toS = second;
    else runs.push({ fromS: second, toS: second });
  }
  return runs;
}

function toGaps(runs: readonly SecondRun[]): SecondRun[] {
  return runs.slice(1).map((run, index) => ({ fromS: (runs[index]?.toS ?? 0) + 1, toS: run.fromS - 1 }));
}

/** How much time passes between two marks beyond the sound that lies between them. */
function toLostMs(before: TimedMark, after: TimedMark): number {
  return (after.unixS - before.unixS) * 1000 - samplesToMs(after.sample - before.sample);
}

function toSplices(marks: readonly TimedMark[]): ToneSplice[] {
  return toPairs(marks)
    .map(([before, after]) => ({
      afterS: before.unixS,
      afterSample: before.sample,
      lostMs: toLostMs(before, after),
    }))
    .filter(({ lostMs }) => Math.abs(lostMs) >= SPLICE_MS_MIN);
}

/**
 * The stretches of time that are heard. At a splice the sound is taken to run on for up to a second after the mark before
 * it and the rest to lead up to the mark after it, for a second at most: more would hold a mark of its own. The
 * sums do not depend on where between the marks the place really is.
 */
function toIntervals(marks: readonly TimedMark[]): Interval[] {
  const first = marks[0];
  if (first === undefined) return [];
  const intervals: Interval[] = [{ fromS: first.unixS, toS: first.unixS }];
  for (const [before, after] of toPairs(marks)) {
    const soundS = samplesToMs(after.sample - before.sample) / 1000;
    const current = intervals.at(-1);
    if (current !== undefined && Math.abs(toLostMs(before, after)) < SPLICE_MS_MIN && isHeard(soundS)) {
      current.toS = after.unixS;
      continue;
    }
    const tailS = Math.min(1, soundS);
    if (current !== undefined) current.toS = before.unixS + tailS;
    intervals.push({ fromS: after.unixS - Math.min(1, soundS - tailS), toS: after.unixS });
  }
  return intervals;
}

/** Whether so much sound between two marks can be what the clock makes; with a mark missing, half of it is unproven. */
function isHeard(soundS: number): boolean {
  return soundS < 2 + SPLICE_MS_MIN / 1000;
}

/** How much of the time from the first to the last interval is not covered, and how much is covered again. */
function toBalance(intervals: readonly Interval[]): { lostMs: number; doubledMs: number } {
  const [first, ...others] = intervals.toSorted((a, b) => a.fromS - b.fromS);
  let lostS = 0;
  let doubledS = 0;
  let endS = first?.toS ?? 0;
  for (const { fromS, toS } of others) {
    lostS += Math.max(0, fromS - endS);
    doubledS += Math.max(0, Math.min(endS, toS) - fromS);
    endS = Math.max(endS, toS);
  }
  return { lostMs: lostS * 1000, doubledMs: doubledS * 1000 };
}

function toPairs(marks: readonly TimedMark[]): [TimedMark, TimedMark][] {
  return marks.slice(1).map((after, index) => [marks[index] ?? after, after]);
}
