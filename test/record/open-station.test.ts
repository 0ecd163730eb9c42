import assert from "node:assert/strict";
import { test } from "node:test";

import { systemClock } from "../../src/core/clock.ts";
import { openStation } from "../../src/record/open-station.ts";
import { encodeTone, toStream } from "../support/sound.ts";

test("a station's clock that is some seconds off is taken to be off by the same as before, so that sessions meet", async () => {
  const bytes = await encodeTone({ startMs: 0, seconds: 2 }, "-b:a 128k -write_xing 0 -f mp3");
  const knownMs = 6900;
  const point = {
    input: "mp3",
    endSample: 0,
    endSeconds: 0,
    endMs: 0,
    isSettled: true,
    heardMs: 0,
    clockAheadMs: knownMs,
  };
  for (const known of [point, undefined]) {
    const serverDateMs = Math.floor((Date.now() + 7000) / 1000) * 1000;
    const connection = {
      body: toStream(bytes),
      icyMetaInterval: undefined,
      serverDateMs,
      close: () => undefined,
    };
    const setting = {
      show: { headers: {} },
      url: "",
      clock: systemClock,
      source: { connect: async () => connection },
      writer: { resumePoint: () => known },
    };
    const station = await openStation(setting, AbortSignal.timeout(10_000));
    station.stream.close();
    const [, difference] = station.events;
    assert.equal(station.air.aheadMs, difference?.data["error_ms"]);
    assert.ok(Math.abs(station.air.aheadMs - 7000) <= 600);
    assert.equal(station.air.aheadMs === knownMs, known !== undefined);
  }
});
