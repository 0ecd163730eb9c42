import assert from "node:assert/strict";
import { test } from "node:test";

import { InflowLimit } from "../../src/record/inflow-limit.ts";

const MIB = 1024 * 1024;

test("a station that sends its burst and then keeps pace is never waited for", () => {
  const limit = new InflowLimit();
  limit.add({ bytes: 64 * 1024, soundMs: 30_000, arrivalMs: 1000 });
  for (let ms = 1000; ms < 100_000; ms += 100) {
    limit.add({ bytes: 1600, soundMs: 100, arrivalMs: ms });
    assert.equal(limit.waitMs(ms), 0);
  }
});

test("sound is taken until it is a minute ahead of the time", () => {
  const limit = new InflowLimit();
  limit.add({ bytes: 1000, soundMs: 65_000, arrivalMs: 1000 });
  assert.equal(limit.aheadMs(3000), 63_000);
  assert.equal(limit.waitMs(3000), 3000);
  assert.equal(limit.waitMs(6000), 0);
});

test("bytes without sound are taken at a pace that harms nobody", () => {
  const limit = new InflowLimit();
  let nowMs = 0;
  let bytes = 0;
  while (nowMs < 60_000) {
    limit.add({ bytes: MIB, soundMs: 0, arrivalMs: nowMs });
    bytes += MIB;
    nowMs += limit.waitMs(nowMs);
  }
  assert.ok(bytes > 100 * MIB && bytes < 150 * MIB, `${bytes / MIB} MiB in a minute`);
});
