import assert from "node:assert/strict";
import { test } from "node:test";

import type { Timeline } from "../../src/playback/api-answers.ts";
import { toDays, toTitleAt } from "../../web/days.ts";
import { toZoneClock } from "../../web/zone-clock.ts";

const berlin = toZoneClock("Europe/Berlin");

function at(text: string): number {
  return Temporal.Instant.from(`${text}+02:00`).epochMilliseconds;
}

function toTimeline(part: Partial<Timeline>): Timeline {
  return { sessions: [], gaps: [], titles: [], complete_to_ms: 0, ...part };
}

test("an archive with nothing in it has no days", () => {
  assert.deepEqual(toDays([], berlin), []);
  assert.deepEqual(toDays([toTimeline({})], berlin), []);
});

test("days and rows are newest first, and a session over midnight belongs to the day that it began on", () => {
  const evening = { start_ms: at("2026-07-15T22:00"), end_ms: at("2026-07-16T01:30") };
  const morning = { start_ms: at("2026-07-16T01:31"), end_ms: at("2026-07-16T09:00") };
  const hole = { start_ms: evening.end_ms, end_ms: morning.start_ms, reason: "stalled", detail: "" };
  const days = toDays([toTimeline({ sessions: [evening, morning], gaps: [hole] })], berlin);
  assert.deepEqual(
    days.map((day) => [day.key, day.rows.map((row) => [row.kind, row.startMs])]),
    [
      [
        "2026-07-16",
        [
          ["session", morning.start_ms],
          ["gap", hole.start_ms],
        ],
      ],
      ["2026-07-15", [["session", evening.start_ms]]],
    ],
  );
});

test("a session that two parts know is one, as long as the newer part says, with the titles of both", () => {
  const start_ms = at("2026-07-15T22:00");
  const newer = toTimeline({
    sessions: [{ start_ms, end_ms: start_ms + 9000 }],
    titles: [{ timestamp_ms: start_ms + 5000, title: "second" }],
  });
  const older = toTimeline({
    sessions: [{ start_ms, end_ms: start_ms + 4000 }],
    titles: [
      { timestamp_ms: start_ms, title: "first" },
      { timestamp_ms: start_ms + 1, title: " " },
    ],
  });
  const [row] = toDays([newer, older], berlin)[0]?.rows ?? [];
  assert.deepEqual(row, {
    kind: "session",
    startMs: start_ms,
    endMs: start_ms + 9000,
    titles: [
      { atMs: start_ms, text: "first" },
      { atMs: start_ms + 5000, text: "second" },
    ],
  });
});

test("a gap without times, as a foreign sender may have written it, is no row", () => {
  const gap = JSON.parse('{"start_ms":null,"end_ms":null,"reason":"","detail":""}');
  assert.deepEqual(toDays([toTimeline({ gaps: [gap] })], berlin), []);
});

test("a title is on the air until the next one", () => {
  const titles = [
    { atMs: 1000, text: "first" },
    { atMs: 2000, text: "second" },
  ];
  assert.deepEqual(
    [999, 1000, 1999, 2000].map((ms) => toTitleAt(titles, ms)),
    [undefined, "first", "first", "second"],
  );
});
