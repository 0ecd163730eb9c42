import { AppError, type ErrorCode, toReason } from "../core/app-error.ts";
import type { GapReason } from "../core/show-event.ts";
import { beginApart } from "./begin-apart.ts";
import { encodeAll, type EncodingParts } from "./encode-all.ts";
import { FrameHistory } from "./frame-history.ts";
import { InputPump } from "./input-pump.ts";
import { type OpenStation, openStation } from "./open-station.ts";
import { Recording } from "./recording.ts";
import { readLastRecording, type Resumed, resumeRecording } from "./resume-recording.ts";
import type { RecordingSetting } from "./recording-setting.ts";
import { ResumeTail } from "./resume-tail.ts";
import type { Ending } from "./ending.ts";
import { toUnbrokenStream } from "./unbroken-stream.ts";

const DECODER_FAILED: Ending = { reason: "decoder-failed", detail: "it ended before the station did" };

/** The failures that a recording may end with; any other is a bug or a broken database. */
const REASONS: Readonly<Partial<Record<ErrorCode, GapReason>>> = {
  network: "connect-failed",
  unsupported: "unsupported-format",
  decoder: "decoder-failed",
  "disk-full": "disk-full",
};

/** What came of one recording. */
export type RecordingResult = {
  ending: Ending;
  heardSeconds: number;
  /** Unix time at which the stored sound ends; `undefined` when nothing was stored. */
  endMs: number | undefined;
  /** The same on the monotonic clock, which is never set. */
  endMonotonicMs: number | undefined;
  /** A connection that is open already, for the next recording to begin with. */
  next: OpenStation | undefined;
};

/** What the recording before has left. */
export type RecordingStart = {
  /** A connection that is open already. */
  opened: OpenStation | undefined;
  /** Where its sound ends on the monotonic clock; `undefined` where no recording of this program has stored any. */
  soundEndMs: number | undefined;
};

/**
 * Records one unbroken stream, across connections that can be joined exactly and decoders that have to be replaced, until
 * the station ends it or `signal` aborts. What was heard is stored first; then the reason is told. Nothing that a station, the
 * decoder or the disk does is thrown.
 *
 * It begins with `opened`, where the recording before has left a connection, or else with one of its own, which goes on where the
 * last recording in the database ended if it can.
 */
export async function runRecording(
  setting: RecordingSetting,
  { opened, soundEndMs }: RecordingStart,
  signal: AbortSignal,
): Promise<RecordingResult> {
  let station = opened;
  let resumed: Resumed | undefined;
  let draftSeconds = 0;
  try {
    setting.writer.finishUnfinished();
    station ??= await openStation(setting, signal);
    const last = readLastRecording(setting.writer);
    if (opened === undefined && last !== undefined) resumed = await resumeRecording(setting, last, station);
    if (resumed === undefined)
      draftSeconds = await beginApart(setting, { station, last, soundEndMs }, signal);
  } catch (error) {
    station?.stream.close();
    const nothing = { heardSeconds: 0, endMs: undefined, endMonotonicMs: undefined, next: undefined };
    return { ...nothing, ending: toEnding(error, signal) };
  }
  const parts = createRecording(setting, { station, resumed, draftSeconds }, signal);
  const { recording, pump } = parts;
  let failure: Ending | undefined;
  try {
    await encodeAll(setting, parts, signal);
    recording.finish();
  } catch (error) {
    if (isDiskFull(error)) recording.saveRest();
    failure = toEnding(error, signal);
  } finally {
    await pump.close();
  }
  const { heardSeconds, endMs, endMonotonicMs } = recording;
  const stored = { heardSeconds, endMs, endMonotonicMs };
  if (failure === undefined && pump.end !== undefined) return { ...stored, ...pump.end };
  pump.end?.next?.stream.close();
  return { ...stored, ending: failure ?? DECODER_FAILED, next: undefined };
}

function createRecording(
  setting: RecordingSetting,
  {
    station,
    resumed,
    draftSeconds,
  }: { station: OpenStation; resumed: Resumed | undefined; draftSeconds: number },
  signal: AbortSignal,
): EncodingParts {
  const history = resumed?.history ?? new FrameHistory();
  const nowMs = (): number => station.air.toUnixMs(setting.clock.monotonicMs());
  const tail = new ResumeTail(history, nowMs, { source: station.stream, draftSeconds });
  const { format, silenceAfterMs } = setting.show;
  const startSample = resumed?.startSample ?? 0;
  const recording = new Recording(
    { ...setting, format, silenceAfterMs, air: station.air, history, tail, startSample },
    station.events,
  );
  if (resumed !== undefined) recording.markStitch(resumed.stitch);
  const reopen = (signal: AbortSignal): Promise<OpenStation> => openStation(setting, signal);
  const hasFallback = setting.show.urls.length > 1;
  const stream = toUnbrokenStream(station, { ...setting, history, hasFallback, reopen }, signal);
  const pump = new InputPump({ ...setting, stream, history, note: (heard) => recording.note(heard) });
  return { recording, pump, input: station.stream.format };
}

function toEnding(error: unknown, signal: AbortSignal): Ending {
  if (signal.aborted) return { reason: "stopped", detail: "" };
  if (!(error instanceof AppError)) throw error;
  const reason = REASONS[error.code];
  if (reason === undefined) throw error;
  // The message of a full disk names a file of this machine, which is nobody else's business.
  return { reason, detail: reason === "disk-full" ? "" : toReason(error) };
}

function isDiskFull(error: unknown): boolean {
  return error instanceof AppError && error.code === "disk-full";
}
