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
  assert.equal(Math.round(limit.aheadMs(3000)), 62_998);
  assert.equal(Math.round(limit.waitMs(3000)), 2995);
  assert.equal(limit.waitMs(6000), 0);
});

test("a station whose clock is 500 ppm too fast is not waited for, however many days it is heard", () => {
  const limit = new InflowLimit();
  limit.add({ bytes: 64 * 1024, soundMs: 10_000, arrivalMs: 0 });
  for (let second = 1; second <= 7 * 86_400; second++) {
    limit.add({ bytes: 16_000, soundMs: 1000.5, arrivalMs: second * 1000 });
    assert.equal(limit.waitMs(second * 1000), 0);
  }
});

test("a station that has behaved for days may not send more at once than any other, but for a minute", () => {
  const limit = new InflowLimit();
  for (let second = 0; second < 86_400; second++) {
    limit.add({ bytes: 16_000, soundMs: 999.5, arrivalMs: second * 1000 });
  }
  limit.add({ bytes: 0, soundMs: 130_000, arrivalMs: 86_400_000 });
  assert.ok(limit.waitMs(86_400_000) > 8000);
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
