import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { toFormatText, toLengthText, toReasonText, toSpanText } from "../../web/words.ts";
import { toZoneClock } from "../../web/zone-clock.ts";

const berlin = toZoneClock("Europe/Berlin");

function at(text: string): number {
  return Temporal.Instant.from(text).epochMilliseconds;
}

describe("the clock of a zone", () => {
  test("follows the change to summer time and back", () => {
    assert.equal(berlin.time(at("2026-03-29T00:59:59Z")), "01:59");
    assert.equal(berlin.time(at("2026-03-29T01:00:00Z")), "03:00");
    assert.equal(berlin.time(at("2026-10-25T00:30:00Z")), "02:30");
    assert.equal(berlin.time(at("2026-10-25T01:30:00Z")), "02:30");
  });

  test("begins a day at its own midnight, which is 00:00", () => {
    const midnight = at("2026-07-15T22:00:00Z");
    assert.equal(berlin.day(midnight - 1), "2026-07-15");
    assert.equal(berlin.day(midnight), "2026-07-16");
    assert.equal(`${berlin.time(midnight)}:${berlin.seconds(midnight + 7000)}`, "00:00:07");
    assert.match(berlin.dayName(midnight), /^Thursday,? 16 July 2026$/);
  });

  test("is that of UTC where the zone is unknown, and says so", () => {
    const clock = toZoneClock("Nowhere/Land");
    assert.equal(clock.zone, "UTC");
    assert.equal(clock.time(at("2026-07-15T22:00:00Z")), "22:00");
  });
});

describe("words", () => {
  test("for a length have two units at most", () => {
    const lengths = [300, 42_000, 59_600, 848_000, 3_599_700, 8_460_000, 36_000_000, 360_000_000];
    assert.deepEqual(lengths.map(toLengthText), [
      "under 1 s",
      "42 s",
      "1 min",
      "14 min 08 s",
      "1 h",
      "2 h 21 min",
      "10 h",
      "100 h",
    ]);
  });

  test("for a span tell the day only where it is another, and seconds where minutes say nothing", () => {
    const startMs = at("2026-07-15T21:30:00Z");
    const toText = (lengthMs: number): string => toSpanText({ startMs, endMs: startMs + lengthMs }, berlin);
    assert.equal(toText(1_200_000), "23:30 – 23:50");
    assert.match(toText(4_500_000), /^23:30 – Thu,? 16 July, 00:45$/);
    assert.equal(toText(3000), "23:30:00 – 23:30:03");
  });

  test("for a reason are the server's own where the page knows none", () => {
    assert.equal(toReasonText("disk-full"), "the disk was full");
    assert.equal(toReasonText("meteorite"), "meteorite");
    assert.equal(toReasonText("constructor"), "constructor");
  });

  test("for a format leave out what it does not have", () => {
    const show = {
      name: "one",
      audio_format: "wav",
      bitrate: 0,
      channels: 2,
      timezone: "UTC",
      is_recipient: false,
      first_ms: null,
      last_ms: null,
    };
    assert.equal(toFormatText(show), "WAV · stereo");
    assert.equal(
      toFormatText({ ...show, audio_format: "opus", bitrate: 16, channels: 1 }),
      "Opus · 16 kbit/s · mono",
    );
  });
});
