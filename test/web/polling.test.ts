import assert from "node:assert/strict";
import { test } from "node:test";

import { createPolling } from "../../web/polling.ts";

test("rounds come less and less often while they fail, and as often as before once one succeeds", async () => {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const delays: number[] = [];
  const told: number[] = [];
  let rounds = 0;
  const polling = createPolling({
    round: async () => {
      rounds += 1;
      if (rounds <= 6) throw new Error("gone");
    },
    onSuccess: () => told.push(0),
    onFailure: (_, nextMs) => told.push(nextMs),
    random: () => 1,
    sleep: async (ms) => {
      delays.push(ms);
      if (delays.length < 7) return;
      polling.stop();
      resolve();
    },
  });
  polling.start();
  await done;
  assert.deepEqual(delays, [10_000, 20_000, 40_000, 60_000, 60_000, 60_000, 5000]);
  assert.deepEqual(told, [...delays.slice(0, 6), 0]);
  assert.equal(rounds, 7);
});

test("a round that is begun anew takes the place of the one under way, which is not heard of again", async () => {
  const rounds: AbortSignal[] = [];
  const told: unknown[] = [];
  const polling = createPolling({
    round: (signal) => {
      rounds.push(signal);
      const { promise, reject } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => reject(signal.reason));
      return promise;
    },
    onSuccess: () => told.push("success"),
    onFailure: (error) => told.push(error),
  });
  polling.start();
  polling.start();
  polling.stop();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(
    rounds.map((signal) => signal.aborted),
    [true, true],
  );
  assert.deepEqual(told, []);
});
