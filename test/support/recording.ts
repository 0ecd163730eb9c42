import { join } from "node:path";

import { encodeWithFfmpeg } from "../../src/audio/encoder.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Log } from "../../src/core/log.ts";
import type { AudioFormat } from "../../src/core/show.ts";
import { GapLedger } from "../../src/record/gap-ledger.ts";
import { httpSource } from "../../src/record/http-source.ts";
import { type RecordingResult, type RecordingSetting, runRecording } from "../../src/record/run-recording.ts";
import { ShowWriter } from "../../src/store/sqlite-show-writer.ts";

export const silentLog: Log = { info: () => undefined, warn: () => undefined, child: () => silentLog };

/** Records one unbroken stream into `<name>.sqlite` of a directory, without a schedule; returns the path as well. */
export async function recordOnce(
  directory: string,
  show: { name: string; url: string; audioFormat: AudioFormat },
  options: Partial<RecordingSetting> & { signal: AbortSignal },
): Promise<RecordingResult & { path: string }> {
  const format = {
    audioFormat: show.audioFormat,
    bitrateKbps: 64,
    channels: 1,
    splitIntervalSeconds: 2,
  } as const;
  const config = {
    name: show.name,
    urls: [show.url],
    format,
    retentionHours: 1,
    timezone: "UTC",
    headers: {},
    padBeforeMs: 0,
    padAfterMs: 0,
    schedule: [],
  };
  const path = join(directory, `${show.name}.sqlite`);
  using writer = ShowWriter.open(path, config);
  const setting: RecordingSetting = {
    show: config,
    url: show.url,
    source: httpSource,
    encode: encodeWithFfmpeg,
    writer,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    gaps: new GapLedger(),
    toBoundaryMs: () => Infinity,
    onArrival: () => undefined,
    onLost: () => undefined,
    ...options,
  };
  return { ...(await runRecording(setting, undefined, options.signal)), path };
}
