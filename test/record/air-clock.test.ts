import assert from "node:assert/strict";
import { test } from "node:test";

import { AirClock, toClockErrorMs } from "../../src/record/air-clock.ts";
import { createRandom } from "../support/random.ts";

const NOW = { wallMs: 1_700_000_000_000, monotonicMs: 5000 };

/** Frames come one by one. */
function observe(air: AirClock, afterMs: number, seconds: number): void {
  air.observe(NOW.monotonicMs + afterMs, { firstSeconds: seconds, lastSeconds: seconds });
}

test("a burst of older audio does not make the recording late", () => {
  const air = new AirClock(NOW);
  const burstSeconds = 4;
  observe(air, 20, burstSeconds);
  for (let second = 1; second < 10; second++) observe(air, 20 + second * 1000, burstSeconds + second);
  assert.equal(air.toMs(0), NOW.wallMs + 20 - burstSeconds * 1000);
});

test("the earliest arrival counts, not the first", () => {
  const air = new AirClock(NOW);
  observe(air, 300, 0);
  observe(air, 1010, 1);
  observe(air, 2200, 2);
  assert.equal(air.toMs(0), NOW.wallMs + 10);
});

test("the start is told when a second of arrivals has been seen", () => {
  const air = new AirClock(NOW);
  assert.equal(air.isSettled(0), false);
  observe(air, 0, 0);
  assert.equal(air.isSettled(0), false);
  observe(air, 1000, 1);
  assert.equal(air.isSettled(1), true);
});

for (const ppm of [500, -500]) {
  test(`a station that drifts by ${ppm} ppm stays right for two days, and nothing jumps`, () => {
    const { random } = createRandom();
    const air = new AirClock(NOW);
    for (let seconds = 0; seconds < 2 * 86_400; seconds += 0.5) {
      const trueMs = seconds * 1000 * (1 + ppm / 1e6);
      const jitterMs = random() < 0.2 ? random() * 5 : random() * 140;
      observe(air, trueMs + jitterMs, seconds);
      assert.equal(air.jumpSeconds, undefined);
      const errorMs = air.toMs(seconds) - NOW.wallMs - trueMs;
      assert.ok(Math.abs(errorMs) < (seconds < 10 ? 140 : 60), `off by ${errorMs} ms after ${seconds} s`);
    }
  });
}

test("sound that comes late and catches up has not jumped, but is not settled meanwhile", () => {
  const air = new AirClock(NOW);
  for (let second = 0; second < 20; second++) observe(air, second * 1000, second);
  observe(air, 23_000, 20);
  assert.equal(air.unsettledSeconds, 20);
  assert.deepEqual([air.isSettled(20), air.isSettled(20.5)], [true, false]);
  assert.equal(air.isFound, true, "where it is if nothing was lost is known");
  for (let second = 21; second < 24; second++) observe(air, 23_010, second);
  assert.equal(air.unsettledSeconds, undefined);
  assert.equal(air.toMs(0), NOW.wallMs);
});

test("sound that stays late has jumped: what comes behind the hole is placed anew", () => {
  const air = new AirClock(NOW);
  for (let second = 0; second < 20; second++) observe(air, second * 1000, second);
  for (let second = 20; second < 26; second++) observe(air, second * 1000 + 400, second);
  assert.equal(air.jumpSeconds, 20);
  assert.equal(air.toMs(19), NOW.wallMs + 19_000);
  assert.deepEqual(air.takeJump(), { seconds: 20, byMs: 400 });
  assert.equal(air.toMs(20), NOW.wallMs + 20_400);
  assert.equal(air.isSettled(25), true);
});

test("sound that comes earlier than it could have been sent has jumped at once", () => {
  const air = new AirClock(NOW);
  for (let second = 0; second < 20; second++) observe(air, second * 1000, second);
  observe(air, 19_500, 20);
  assert.deepEqual(air.takeJump(), { seconds: 20, byMs: -500 });
});

test("blocks of several seconds, as some servers send, are no jumps", () => {
  const air = new AirClock(NOW);
  for (let block = 0; block < 100; block++) {
    const arrivalMs = NOW.monotonicMs + (block + 1) * 4000;
    for (let second = 0; second < 4; second++) {
      const seconds = block * 4 + second;
      air.observe(arrivalMs + second, { firstSeconds: seconds, lastSeconds: seconds + 0.974 });
    }
    assert.equal(air.jumpSeconds, undefined);
    assert.ok(Math.abs(air.toMs(0) - NOW.wallMs) < 40, `${air.toMs(0) - NOW.wallMs}`);
  }
});

test("a clock that is anchored goes on from where the last recording ended", () => {
  const air = new AirClock(NOW);
  air.anchor(100, NOW.wallMs + 5);
  assert.equal(air.toMs(100), NOW.wallMs + 5);
  air.observe(NOW.monotonicMs + 2000, { firstSeconds: 101.9, lastSeconds: 101.97 });
  assert.ok(Math.abs(air.toMs(100) - NOW.wallMs) < 10);
});

test("a Date near this machine's time is only proof of it; one that differs wins", () => {
  assert.equal(toClockErrorMs(NOW.wallMs, undefined), 0);
  assert.equal(toClockErrorMs(NOW.wallMs, NOW.wallMs - 1000), 0);
  assert.equal(toClockErrorMs(NOW.wallMs, NOW.wallMs + 1900), 0);
  const air = new AirClock(NOW, toClockErrorMs(NOW.wallMs, NOW.wallMs - 86_400_000));
  observe(air, 0, 0);
  assert.equal(air.toMs(0), NOW.wallMs - 86_400_000);
});

test("a Date that is a day or a time zone wrong is wrong by exactly that, wherever in its second it was written", () => {
  for (const wrongMs of [86_400_000, -86_400_000, 3_600_000, -12_600_000, 60_000]) {
    for (let fractionMs = 0; fractionMs < 1000; fractionMs += 50) {
      for (const answerMs of [0, 20, 300]) {
        const wallMs = NOW.wallMs + fractionMs;
        const serverDateMs = Math.floor((wallMs - answerMs + wrongMs) / 1000) * 1000;
        assert.equal(toClockErrorMs(wallMs, serverDateMs), wrongMs);
      }
    }
  }
});

test("of any other Date the fraction of the second is not known, and the middle is taken", () => {
  assert.equal(toClockErrorMs(NOW.wallMs, NOW.wallMs - 10_000), 500 - 10_000);
  assert.equal(toClockErrorMs(NOW.wallMs, NOW.wallMs + 7000), 7500);
});

test("sound that was a little late right before frames were lost stays where it is, and what is behind them is placed anew", () => {
  const air = new AirClock(NOW);
  for (let second = 0; second < 20; second++) observe(air, second * 1000, second);
  observe(air, 20_170, 20);
  for (let second = 21; second < 25; second++) observe(air, second * 1000 + 1500, second);
  assert.equal(air.jumpSeconds, undefined);
  for (let second = 25; second < 28; second++) observe(air, second * 1000 + 1500, second);
  assert.deepEqual(air.takeJump(), { seconds: 21, byMs: 1500 });
  assert.equal(air.toMs(20), NOW.wallMs + 21_500);
});

test("the last sound of a connection has jumped when it is late behind damage, however short it is", () => {
  for (const isBehindDamage of [true, false]) {
    const air = new AirClock(NOW);
    for (let second = 0; second < 20; second++) observe(air, second * 1000, second);
    air.observe(NOW.monotonicMs + 20_800, { firstSeconds: 20, lastSeconds: 20, isBehindDamage });
    observe(air, 20_930, 20.1);
    air.end();
    assert.equal(air.jumpSeconds, isBehindDamage ? 20 : undefined);
  }
});

test("sound that jumped and then was held up for seconds is placed where it jumped", () => {
  const air = new AirClock(NOW);
  for (let second = 0; second < 20; second++) observe(air, second * 1000, second);
  for (let second = 20; second < 24; second += 0.25) observe(air, second * 1000 + 1500, second);
  // Five seconds at once; the newest of them were not held up.
  air.observe(NOW.monotonicMs + 30_580, { firstSeconds: 24, lastSeconds: 29 });
  assert.equal(air.jumpSeconds, 20);
});

test("sound behind damage that was held up first, and catches up, does not stay unsettled", () => {
  const air = new AirClock(NOW);
  for (let second = 0; second < 20; second++) observe(air, second * 1000, second);
  air.observe(NOW.monotonicMs + 23_000, { firstSeconds: 20, lastSeconds: 20, isBehindDamage: true });
  observe(air, 23_100, 20.2);
  for (let second = 21; second < 30; second++) observe(air, second * 1000 + 1500, second);
  assert.equal(air.isSettled(20), true);
});

test("a recording that goes on from another, and jumps before its line is found, keeps the time of both parts", () => {
  const air = new AirClock({ ...NOW, wallMs: NOW.wallMs + 300 });
  air.anchor(0, NOW.wallMs);
  for (let second = 0; second < 3; second++) observe(air, second * 1000 + 20, second);
  air.observe(NOW.monotonicMs + 3820, { firstSeconds: 3, lastSeconds: 3, isBehindDamage: true });
  observe(air, 4820, 4);
  assert.deepEqual(air.takeJump(), { seconds: 3, byMs: 800 });
  observe(air, 5810, 5);
  assert.equal(air.toMs(5), NOW.wallMs + 5800);
});

test("a recording that ends with arrivals that are a little late has not jumped there", () => {
  const air = new AirClock(NOW);
  for (let second = 0; second < 20; second++) observe(air, second * 1000, second);
  observe(air, 20_170, 20);
  observe(air, 20_460, 20.2);
  air.end();
  assert.equal(air.jumpSeconds, undefined);
});
