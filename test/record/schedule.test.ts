import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import type { ScheduleRule } from "../../src/config/record-config.ts";
import { type RecordingWindow, toNextWindow, toNextWindows } from "../../src/record/schedule.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7];

type Scheduled = Parameters<typeof toNextWindow>[0];

/** A rule from "09:00" to "17:00" on some days, Monday being 1. */
function rule(start: string, end: string, weekdays: readonly number[] = EVERY_DAY): ScheduleRule {
  const toMinute = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return { weekdays, startMinute: toMinute(start), endMinute: toMinute(end) };
}

function show(rules: readonly ScheduleRule[], more: Partial<Scheduled> = {}): Scheduled {
  return { schedule: rules, timezone: "UTC", padBeforeMs: 0, padAfterMs: 0, ...more };
}

const utc = (text: string): number => Date.parse(`${text}Z`);

/** A window as two instants in UTC, to the minute. */
function toText({ startMs, endMs }: RecordingWindow): string {
  const show = (ms: number): string => new Date(ms).toISOString().slice(0, 16);
  return `${show(startMs)} ${show(endMs)}`;
}

/** Wall-clock time in a zone. */
function toLocal(ms: number, timezone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(ms)
    .toZonedDateTimeISO(timezone)
    .toPlainTime()
    .toString()
    .slice(0, 5);
}

test("without a schedule a show is recorded around the clock, in one window without end", () => {
  const now = utc("2025-06-02T12:00");
  assert.deepEqual(toNextWindow(show([]), now), { startMs: now, endMs: Infinity });
  assert.deepEqual(toNextWindows(show([]), now, 5), [{ startMs: now, endMs: Infinity }]);
});

// 2 June 2025 is a Monday.
const cases: [string, readonly ScheduleRule[], string, string][] = [
  [
    "a window that is still to come",
    [rule("09:00", "17:00")],
    "2025-06-02T08:00",
    "2025-06-02T09:00 2025-06-02T17:00",
  ],
  [
    "a window that has just begun",
    [rule("09:00", "17:00")],
    "2025-06-02T09:00",
    "2025-06-02T09:00 2025-06-02T17:00",
  ],
  [
    "a window that is open",
    [rule("09:00", "17:00")],
    "2025-06-02T16:59",
    "2025-06-02T09:00 2025-06-02T17:00",
  ],
  [
    "a window that has just ended",
    [rule("09:00", "17:00")],
    "2025-06-02T17:00",
    "2025-06-03T09:00 2025-06-03T17:00",
  ],
  [
    "a weekday that comes in some days",
    [rule("09:00", "17:00", [7])],
    "2025-06-02T10:00",
    "2025-06-08T09:00 2025-06-08T17:00",
  ],
  [
    "today again in a week",
    [rule("09:00", "17:00", [1])],
    "2025-06-02T18:00",
    "2025-06-09T09:00 2025-06-09T17:00",
  ],
  [
    "a window over midnight, before it",
    [rule("22:00", "02:00")],
    "2025-06-02T23:00",
    "2025-06-02T22:00 2025-06-03T02:00",
  ],
  [
    "a window over midnight, behind it",
    [rule("22:00", "02:00")],
    "2025-06-03T01:59",
    "2025-06-02T22:00 2025-06-03T02:00",
  ],
  [
    "a window over midnight belongs to the day on which it starts",
    [rule("22:00", "02:00", [1])],
    "2025-06-03T01:00",
    "2025-06-02T22:00 2025-06-03T02:00",
  ],
  [
    "and not to the day on which it ends",
    [rule("22:00", "02:00", [2])],
    "2025-06-03T01:00",
    "2025-06-03T22:00 2025-06-04T02:00",
  ],
  [
    "a window over the end of the week",
    [rule("22:00", "02:00", [7])],
    "2025-06-09T01:00",
    "2025-06-08T22:00 2025-06-09T02:00",
  ],
  [
    "start equal to end is a whole day",
    [rule("00:00", "00:00", [2])],
    "2025-06-02T10:00",
    "2025-06-03T00:00 2025-06-04T00:00",
  ],
  [
    "a whole day from noon to noon",
    [rule("12:00", "12:00", [2])],
    "2025-06-04T11:00",
    "2025-06-03T12:00 2025-06-04T12:00",
  ],
  [
    "windows that touch are one",
    [rule("09:00", "12:00"), rule("12:00", "17:00")],
    "2025-06-02T10:00",
    "2025-06-02T09:00 2025-06-02T17:00",
  ],
  [
    "windows that overlap are one",
    [rule("11:00", "17:00"), rule("09:00", "12:00")],
    "2025-06-02T16:00",
    "2025-06-02T09:00 2025-06-02T17:00",
  ],
  [
    "a window inside another adds nothing",
    [rule("09:00", "17:00"), rule("10:00", "11:00")],
    "2025-06-02T10:30",
    "2025-06-02T09:00 2025-06-02T17:00",
  ],
  [
    "windows with a minute between are two",
    [rule("09:00", "12:00"), rule("12:01", "17:00")],
    "2025-06-02T10:00",
    "2025-06-02T09:00 2025-06-02T12:00",
  ],
  [
    "windows that touch at midnight are one",
    [rule("20:00", "00:00", [1]), rule("00:00", "04:00", [2])],
    "2025-06-02T21:00",
    "2025-06-02T20:00 2025-06-03T04:00",
  ],
  [
    "whole days of a working week are one",
    [rule("00:00", "00:00", [1, 2, 3, 4, 5])],
    "2025-06-04T10:00",
    "2025-06-03T00:00 2025-06-07T00:00",
  ],
];
for (const [name, rules, now, expected] of cases) {
  test(`${name}: at ${now} it is ${expected}`, () => {
    const window = toNextWindow(show(rules), utc(now));
    assert.equal(toText(window).slice(17), expected.slice(17), "its end");
    // Of a window that is open for long, an earlier start says the same.
    if (window.startMs > utc(now)) assert.equal(toText(window), expected);
    else assert.ok(utc(expected.slice(0, 16)) <= utc(now));
  });
}

test("whole days all week never end within the next week", () => {
  const now = utc("2025-06-04T10:00");
  const window = toNextWindow(show([rule("00:00", "00:00")]), now);
  assert.ok(window.startMs <= now && window.endMs >= now + 7 * DAY_MS);
});

describe("padding", () => {
  const padded = { padBeforeMs: 120_000, padAfterMs: 300_000 };

  test("makes a window begin earlier and end later, across midnight too", () => {
    const window = toNextWindow(show([rule("00:00", "23:58", [3])], padded), utc("2025-06-02T10:00"));
    assert.equal(toText(window), "2025-06-03T23:58 2025-06-05T00:03");
  });

  test("keeps a window open after its end", () => {
    const window = toNextWindow(show([rule("09:00", "10:00")], padded), utc("2025-06-02T10:04"));
    assert.equal(toText(window), "2025-06-02T08:58 2025-06-02T10:05");
  });

  test("joins windows that it makes touch", () => {
    const rules = [rule("09:00", "10:00"), rule("10:07", "11:00")];
    assert.equal(
      toText(toNextWindow(show(rules, padded), utc("2025-06-02T08:00"))),
      "2025-06-02T08:58 2025-06-02T11:05",
    );
    const apart = [rule("09:00", "10:00"), rule("10:08", "11:00")];
    assert.equal(
      toText(toNextWindow(show(apart, padded), utc("2025-06-02T08:00"))),
      "2025-06-02T08:58 2025-06-02T10:05",
    );
  });

  test("of several days is understood", () => {
    const long = { padBeforeMs: 3 * DAY_MS, padAfterMs: 2 * DAY_MS };
    const window = toNextWindow(show([rule("09:00", "10:00", [3])], long), utc("2025-06-06T09:30"));
    assert.equal(toText(window), "2025-06-01T09:00 2025-06-06T10:00");
  });
});

/** Days on which the clocks change, and by how much the day is longer. */
const CHANGES = [
  { timezone: "Europe/Berlin", date: "2025-03-30", longerHours: -1 },
  { timezone: "Europe/Berlin", date: "2025-10-26", longerHours: 1 },
  { timezone: "America/New_York", date: "2025-03-09", longerHours: -1 },
  { timezone: "America/New_York", date: "2025-11-02", longerHours: 1 },
  { timezone: "Australia/Lord_Howe", date: "2025-10-05", longerHours: -0.5 },
  { timezone: "Australia/Lord_Howe", date: "2025-04-06", longerHours: 0.5 },
] as const;

for (const { timezone, date, longerHours } of CHANGES) {
  describe(`${timezone}, ${date}, a day that is ${longerHours} hours longer`, () => {
    const day = Temporal.PlainDate.from(date);
    const at = (days: number, time: string): number =>
      day.add({ days }).toZonedDateTime({ timeZone: timezone, plainTime: Temporal.PlainTime.from(time) })
        .epochMilliseconds;

    test("09:00 stays 09:00 before, on and after that day", () => {
      for (const days of [-2, -1, 0, 1, 2]) {
        const window = toNextWindow(show([rule("09:00", "17:00")], { timezone }), at(days, "08:00"));
        assert.deepEqual(window, { startMs: at(days, "09:00"), endMs: at(days, "17:00") });
        assert.equal(window.endMs - window.startMs, 8 * HOUR_MS);
      }
    });

    test("a window over that night keeps its ends by the wall clock", () => {
      const [window] = toNextWindows(show([rule("22:00", "06:00")], { timezone }), at(-1, "12:00"), 1);
      assert.ok(window);
      assert.deepEqual(
        [toLocal(window.startMs, timezone), toLocal(window.endMs, timezone)],
        ["22:00", "06:00"],
      );
      assert.equal(window.endMs - window.startMs, (8 + longerHours) * HOUR_MS);
    });

    test("the whole day is as long as it is", () => {
      const window = toNextWindow(
        show([rule("00:00", "00:00", [day.dayOfWeek])], { timezone }),
        at(0, "00:00"),
      );
      assert.deepEqual(window, { startMs: at(0, "00:00"), endMs: at(1, "00:00") });
      assert.equal(window.endMs - window.startMs, (24 + longerHours) * HOUR_MS);
    });

    test("days that touch leave no second out in that night", () => {
      const rules = [rule("00:00", "02:00"), rule("02:00", "03:00"), rule("03:00", "00:00")];
      const window = toNextWindow(show(rules, { timezone }), at(-1, "12:00"));
      assert.ok(window.endMs > at(2, "00:00"));
    });

    test("no window of that night is empty, ends before it begins, or is told twice", () => {
      for (const [start, end] of [
        ["01:45", "02:15"],
        ["02:00", "03:00"],
        ["02:15", "02:20"],
        ["02:30", "03:15"],
        ["02:30", "04:00"],
        ["01:00", "02:30"],
      ] as const) {
        const windows = toNextWindows(show([rule(start, end)], { timezone }), at(-1, "12:00"), 3);
        let lastMs = -Infinity;
        for (const window of windows) {
          assert.ok(window.startMs < window.endMs, `${start} to ${end}: ${toText(window)}`);
          assert.ok(window.startMs > lastMs, `${start} to ${end}: ${toText(window)} again`);
          lastMs = window.endMs;
        }
      }
    });
  });
}

const QUARTER_MS = 900_000;
const QUARTERS_PER_DAY = 96;

const anyRule = fc.record({
  weekdays: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
  startMinute: fc.integer({ min: 0, max: 95 }).map((quarter) => quarter * 15),
  endMinute: fc.integer({ min: 0, max: 95 }).map((quarter) => quarter * 15),
});

/** Whether a show is on, worked out from one quarter of an hour alone. */
function isOn(rules: readonly ScheduleRule[], ms: number): boolean {
  const quarter = Math.floor(ms / QUARTER_MS);
  const day = Math.floor(quarter / QUARTERS_PER_DAY);
  const minute = (quarter % QUARTERS_PER_DAY) * 15;
  // 1 January 1970 was a Thursday.
  const weekday = (which: number): number => ((which + 3) % 7) + 1;
  return rules.some(({ weekdays, startMinute, endMinute }) => {
    const isOver = endMinute <= startMinute;
    const today = weekdays.includes(weekday(day)) && minute >= startMinute && (isOver || minute < endMinute);
    return today || (isOver && weekdays.includes(weekday(day - 1)) && minute < endMinute);
  });
}

test("any schedule agrees with what each quarter of an hour says for itself", () => {
  const firstMs = utc("2025-06-02T00:00");
  fc.assert(
    fc.property(
      fc.array(anyRule, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 0, max: 7 * QUARTERS_PER_DAY }),
      (rules, quarter) => {
        const nowMs = firstMs + quarter * QUARTER_MS;
        const window = toNextWindow(show(rules), nowMs);
        assert.equal(window.startMs <= nowMs, isOn(rules, nowMs));
        const lastMs = Math.min(window.endMs, nowMs + 7 * DAY_MS);
        for (let ms = nowMs; ms < lastMs; ms += QUARTER_MS) {
          assert.equal(ms >= window.startMs, isOn(rules, ms), new Date(ms).toISOString());
        }
        if (window.endMs < nowMs + 7 * DAY_MS)
          assert.ok(!isOn(rules, window.endMs), "it ends where nothing is on");
      },
    ),
    { numRuns: 500 },
  );
});
