import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import type { ShowSummary } from "../../src/playback/api-answers.ts";
import { type Archive, createArchive } from "../../web/archive.ts";

const DAY_MS = 86_400_000;
const LAST_MS = 100 * DAY_MS;

const abort = new AbortController().signal;
let shows: ShowSummary[];
let requests: string[];
let archive: Archive;

function toShow(name: string, lastMs: number | null): ShowSummary {
  const format = { audio_format: "opus", bitrate: 16, channels: 1, timezone: "UTC", is_recipient: false };
  return { name, ...format, first_ms: lastMs === null ? null : 0, last_ms: lastMs };
}

/** Answers with the range that was asked for as the only session, so that the parts of a view tell where they came from. */
function toAnswer(path: string): ReturnType<typeof JSON.parse> {
  requests.push(path);
  if (path === "/api/shows") return { shows };
  const query = new URLSearchParams(path.split("?")[1]);
  const session = { start_ms: Number(query.get("from")), end_ms: Number(query.get("to")) };
  return { sessions: [session], gaps: [], titles: [], complete_to_ms: session.end_ms };
}

function starts(): (number | undefined)[] | undefined {
  return archive.view.value?.parts.map((part) => part.sessions[0]?.start_ms);
}

beforeEach(() => {
  shows = [toShow("one", LAST_MS), toShow("two", LAST_MS)];
  requests = [];
  archive = createArchive(async (path) => toAnswer(path));
});

describe("the archive as the page sees it", () => {
  test("reads no timeline where nothing is recorded yet", async () => {
    shows = [toShow("one", null)];
    await archive.refresh(abort);
    assert.deepEqual(requests, ["/api/shows"]);
    assert.equal(archive.chosen.value?.name, "one");
    assert.equal(archive.view.value, undefined);
  });

  test("reads the newest part again only when the show has grown, from where it began at first", async () => {
    await archive.refresh(abort);
    assert.deepEqual(starts(), [LAST_MS - DAY_MS, LAST_MS - 8 * DAY_MS]);
    await archive.refresh(abort);
    assert.equal(requests.length, 4);
    shows = [toShow("one", LAST_MS + DAY_MS)];
    await archive.refresh(abort);
    assert.equal(requests.length, 6);
    assert.deepEqual(starts(), [LAST_MS - DAY_MS, LAST_MS - 8 * DAY_MS]);
  });

  test("joins what is earlier to it without a hole", async () => {
    await archive.refresh(abort);
    await archive.readEarlier(abort);
    const ranges = archive.view.value?.parts.flatMap((part) => part.sessions) ?? [];
    assert.equal(ranges[2]?.end_ms, ranges[1]?.start_ms);
    assert.equal(ranges[1]?.end_ms, ranges[0]?.start_ms);
  });

  test("goes on where an answer had to end early", async () => {
    archive = createArchive(async (path) => {
      const answer = toAnswer(path);
      if (path === "/api/shows") return answer;
      const [{ start_ms: startMs, end_ms: endMs }] = answer.sessions;
      const completeToMs = Math.min(endMs, startMs + DAY_MS);
      return { ...answer, titles: [{ timestamp_ms: startMs, title: "x" }], complete_to_ms: completeToMs };
    });
    await archive.refresh(abort);
    const [, earlier] = archive.view.value?.parts ?? [];
    const starts = Array.from({ length: 7 }, (_, day) => LAST_MS - (8 - day) * DAY_MS);
    assert.deepEqual(
      earlier?.titles.map((title) => title.timestamp_ms),
      starts,
    );
    assert.equal(earlier?.complete_to_ms, LAST_MS - DAY_MS);
  });

  test("asked twice for what is earlier keeps one answer", async () => {
    await archive.refresh(abort);
    await Promise.all([archive.readEarlier(abort), archive.readEarlier(abort)]);
    assert.deepEqual(starts(), [LAST_MS - DAY_MS, LAST_MS - 8 * DAY_MS, LAST_MS - 15 * DAY_MS]);
  });

  test("shows the show of the address, and no other in its place", async () => {
    archive.wanted.value = "two";
    await archive.refresh(abort);
    assert.equal(archive.view.value?.name, "two");
    archive.wanted.value = "three";
    await archive.refresh(abort);
    assert.equal(archive.chosen.value, undefined);
    assert.equal(archive.view.value, undefined);
  });

  test("keeps what it knows when the server is gone", async () => {
    let isGone = false;
    archive = createArchive(async (path) => {
      if (isGone) throw new TypeError("fetch failed");
      return toAnswer(path);
    });
    await archive.refresh(abort);
    const before = archive.view.value;
    isGone = true;
    await assert.rejects(archive.refresh(abort));
    assert.equal(archive.view.value, before);
    assert.equal(archive.shows.value?.length, 2);
  });
});
