import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { startStation } from "../../src/station/station.ts";
import { KilledShows, type KilledShow, toExcess, toMounts } from "../support/killed-shows.ts";
import { createRandom } from "../support/random.ts";
import { startCli } from "../support/run-cli.ts";
import { freeze } from "../support/stopped-process.ts";

/** Without a burst nothing that is lost comes again; with Icecast's usual one, sessions can be joined. */
const LIVE = { burstBytes: 0 } as const;

const SHOWS: readonly KilledShow[] = [
  {
    name: "mp3-128",
    mount: { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 },
    out: "opus",
  },
  {
    name: "mp3-64",
    mount: { ...LIVE, format: "mp3", bitrateKbps: 64, sampleRate: 48_000, channels: 1 },
    out: "opus",
  },
  {
    name: "aac-96",
    mount: { ...LIVE, format: "aac", bitrateKbps: 96, sampleRate: 48_000, channels: 2 },
    out: "opus",
  },
  {
    name: "aac-48",
    mount: { format: "aac", bitrateKbps: 48, sampleRate: 44_100, channels: 1 },
    out: "opus",
  },
  {
    name: "to-aac",
    mount: { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 },
    out: "aac",
  },
  {
    name: "to-wav",
    mount: { ...LIVE, format: "aac", bitrateKbps: 96, sampleRate: 48_000, channels: 2 },
    out: "wav",
  },
];

/** Of received audio, on a disk that keeps up. */
const LOST_MS_MAX = 1000;

/** From before the recorder is up to some seconds into a session. */
const LIFE_MS_MAX = 7000;

/** Each round kills all shows at once, at a random moment. */
export function testRandomKills({ rounds }: { rounds: number }): void {
  test(`a SIGKILL costs a second at most: ${rounds} kills of ${SHOWS.length} shows`, async (context) => {
    const { random, seed } = createRandom();
    context.diagnostic(`seed ${seed}`);
    await using station = await startStation({ mounts: toMounts(SHOWS) });
    await using shows = await KilledShows.start(SHOWS, station);
    for (let round = 0; round < rounds; round++) {
      const recorder = startCli(["record", "-c", shows.config]);
      await delay(random() * LIFE_MS_MAX);
      await freeze(recorder.pid);
      await shows.kill(recorder);
    }
    await shows.recover();
    const { losses, joins } = await shows.measure();
    context.diagnostic(`${joins} joins; lost, in ms: ${losses.map(({ lostMs }) => lostMs).join(", ")}`);
    context.diagnostic(`the most: ${toExcess(losses.slice(-3), 0).join("; ")}`);
    assert.ok(losses.length >= (rounds * SHOWS.length) / 6, `only ${losses.length} kills hit a recording`);
    assert.ok(joins > 0, "a burst reached back to where the recorder was killed");
    assert.deepEqual(toExcess(losses, LOST_MS_MAX), []);
  });
}
