import assert from "node:assert/strict";
import { test } from "node:test";

import { SavePace } from "../../src/record/save-pace.ts";

test("a disk that keeps up takes each half second", () => {
  const pace = new SavePace(1);
  pace.observe(100);
  assert.equal(pace.everyMs, 500);
});

test("a slow disk is asked less often, 5 s apart at most, and again as often as before when it has recovered", () => {
  const pace = new SavePace(1);
  pace.observe(400);
  assert.equal(Math.round(pace.everyMs), 2000);
  pace.observe(60_000);
  assert.equal(pace.everyMs, 5000);
  pace.observe(1);
  assert.equal(pace.everyMs, 500);
});

test("all shows together leave the thread that stores them time to hear the stations", () => {
  for (const shows of [1, 3, 10, 50]) {
    const pace = new SavePace(shows);
    const commitMs = 2000 / shows;
    pace.observe(commitMs);
    assert.ok((commitMs * shows) / pace.everyMs <= 0.61, `${shows} shows`);
  }
});
