import { join } from "node:path";

import { encodeWithFfmpeg } from "../../src/audio/encoder.ts";
import { systemClock } from "../../src/core/clock.ts";
import type { Log } from "../../src/core/log.ts";
import type { AudioFormat } from "../../src/core/show.ts";
import { DiskRoom } from "../../src/record/disk-room.ts";
import { GapLedger } from "../../src/record/gap-ledger.ts";
import { httpSource } from "../../src/record/http-source.ts";
import type { RecordingSetting } from "../../src/record/recording-setting.ts";
import { type RecordingResult, runRecording } from "../../src/record/run-recording.ts";
import { SavePace } from "../../src/record/save-pace.ts";
import { ShowWriter } from "../../src/store/sqlite-show-writer.ts";

export const silentLog: Log = { info: () => undefined, warn: () => undefined, child: () => silentLog };

type TestShow = { name: string; urls: readonly string[]; audioFormat: AudioFormat };

/** What a recording of `<name>.sqlite` in a directory needs, without a schedule. The caller closes it. */
export function createSetting(
  directory: string,
  show: TestShow,
): { setting: RecordingSetting; path: string; close: () => void } {
  const config = {
    name: show.name,
    urls: show.urls,
    format: { audioFormat: show.audioFormat, bitrateKbps: 64, channels: 1, splitIntervalSeconds: 2 },
    retentionHours: 1,
    timezone: "UTC",
    headers: {},
    padBeforeMs: 0,
    padAfterMs: 0,
    schedule: [],
  } as const;
  const path = join(directory, `${show.name}.sqlite`);
  const writer = ShowWriter.open(path, config);
  const setting: RecordingSetting = {
    show: config,
    url: show.urls[0] ?? "",
    source: httpSource,
    encode: encodeWithFfmpeg,
    writer,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    gaps: new GapLedger(),
    pace: new SavePace(1),
    room: new DiskRoom(directory, 0, silentLog),
    toBoundaryMs: () => Infinity,
    onArrival: () => undefined,
    onLost: () => undefined,
  };
  return { setting, path, close: () => writer[Symbol.dispose]() };
}

/** Records one unbroken stream; returns also where. */
export async function recordOnce(
  directory: string,
  { url, ...show }: { name: string; url: string; audioFormat: AudioFormat },
  options: Partial<RecordingSetting> & { signal: AbortSignal },
): Promise<RecordingResult & { path: string }> {
  const { setting, path, close } = createSetting(directory, { ...show, urls: [url] });
  try {
    const start = { opened: undefined, soundEndMs: undefined };
    return { ...(await runRecording({ ...setting, ...options }, start, options.signal)), path };
  } finally {
    close();
  }
}
