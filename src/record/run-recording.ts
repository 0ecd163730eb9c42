import type { Encode } from "../audio/encoder.ts";
import type { StreamFormat } from "../audio/frame.ts";
import type { Level } from "../audio/level-meter.ts";
import type { ShowConfig } from "../config/record-config.ts";
import { AppError, type ErrorCode, toReason } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import { SAMPLE_RATE } from "../core/show.ts";
import type { GapReason } from "../core/show-event.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import { AirClock } from "./air-clock.ts";
import type { DiskRoom } from "./disk-room.ts";
import { FrameHistory } from "./frame-history.ts";
import type { GapLedger } from "./gap-ledger.ts";
import { InputPump } from "./input-pump.ts";
import { type OpenStation, openStation } from "./open-station.ts";
import { Patience } from "./patience.ts";
import { Recording } from "./recording.ts";
import { type LastRecording, readLastRecording, type Resumed, resumeRecording } from "./resume-recording.ts";
import { ResumeTail } from "./resume-tail.ts";
import type { SavePace } from "./save-pace.ts";
import type { Ending } from "./ending.ts";
import type { Heard } from "./station-stream.ts";
import type { StreamSource } from "./stream-source.ts";
import { trimOverlap } from "./trim-overlap.ts";
import { toUnbrokenStream, type UnbrokenEnd } from "./unbroken-stream.ts";

/** A decoder that ends again so soon is taken to choke on the same frames. */
const DECODER_WELL_SECONDS = 10;

/** The frames that a decoder choked on are fed again once, in case it was no fault of theirs, and then left out. */
const DECODER_RETRIES = 1;

/** A decoder that ends after so many beginnings in a row ends the recording: a pause may help. */
const DECODER_FAILURES_MAX = 5;

/** Less than this is not worth a session of its own. */
const REST_SECONDS_MIN = 0.1;

const DECODER_FAILED: Ending = { reason: "decoder-failed", detail: "it ended before the station did" };

/** The failures that a recording may end with; any other is a bug or a broken database. */
const REASONS: Readonly<Partial<Record<ErrorCode, GapReason>>> = {
  network: "connect-failed",
  unsupported: "unsupported-format",
  decoder: "decoder-failed",
  "disk-full": "disk-full",
};

type Parts = { recording: Recording; pump: InputPump; input: StreamFormat };

export type RecordingSetting = {
  show: ShowConfig;
  url: string;
  source: StreamSource;
  encode: Encode;
  writer: ShowWriter;
  clock: Clock;
  random: () => number;
  log: Log;
  gaps: GapLedger;
  pace: SavePace;
  room: DiskRoom;
  toBoundaryMs: (nowMs: number) => number;
  onArrival: (arrivalMs: number) => void;
  onLost: (ending: Ending) => void;
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
  try {
    setting.writer.finishUnfinished();
    station ??= await openStation(setting, signal);
    const last = readLastRecording(setting.writer);
    if (opened === undefined && last !== undefined) resumed = await resumeRecording(setting, last, station);
    if (resumed === undefined) {
      const restEndMs = last === undefined ? undefined : await encodeRest(setting, last, signal);
      setting.writer.forgetTail();
      const knownEndMs = restEndMs === undefined ? soundEndMs : undefined;
      if (!station.isFollowing) await trimStored(station, { ...setting, soundEndMs: knownEndMs });
    }
  } catch (error) {
    station?.stream.close();
    const nothing = { heardSeconds: 0, endMs: undefined, endMonotonicMs: undefined, next: undefined };
    return { ...nothing, ending: toEnding(error, signal) };
  }
  const parts = createRecording(setting, { station, resumed }, signal);
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

/** Of sound whose time was not settled, only its frames could tell what a burst repeats. */
async function trimStored(
  station: OpenStation,
  {
    writer,
    clock,
    soundEndMs,
  }: Pick<RecordingSetting, "writer" | "clock"> & Pick<RecordingStart, "soundEndMs">,
): Promise<void> {
  if (writer.resume()?.point.isSettled === false) return;
  const storedEndMs = writer.history()?.soundEndMs;
  const endMs = storedEndMs === undefined ? undefined : station.air.toMonotonicMs(storedEndMs);
  await trimOverlap(station, soundEndMs ?? endMs, clock);
}

function createRecording(
  setting: RecordingSetting,
  { station, resumed }: { station: OpenStation; resumed: Resumed | undefined },
  signal: AbortSignal,
): Parts {
  const history = resumed?.history ?? new FrameHistory();
  const nowMs = (): number => station.air.toUnixMs(setting.clock.monotonicMs());
  const tail = new ResumeTail(history, nowMs, station.stream);
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

/**
 * Encodes what the last recorder had heard and not encoded; a connection that cannot be joined to it does not bring it again. Returns
 * the Unix time at which it ends; `undefined` when there was none.
 */
async function encodeRest(
  setting: RecordingSetting,
  { point, input, history }: LastRecording,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { clock, gaps, log } = setting;
  if (history.endSeconds - point.endSeconds < REST_SECONDS_MIN) return undefined;
  const air = new AirClock({ wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }, undefined);
  air.anchor(point.endSeconds, point.endMs, point.isSettled);
  const { format, silenceAfterMs } = setting.show;
  const tail = new ResumeTail(history, () => point.heardMs, { format: input, burstMs: 0 });
  const startSample = point.endSample;
  const parts = {
    ...setting,
    gaps: gaps.fork(),
    format,
    silenceAfterMs,
    air,
    history,
    tail,
    startSample,
  };
  const recording = new Recording(parts, []);
  const pump = new InputPump({ clock, history, stream: toEndedStream(), note: () => undefined });
  try {
    await encodeAll(setting, { recording, pump, input }, signal);
    recording.finish();
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "decoder") throw error;
    log.warn("what was heard last before the end could not be decoded", error);
  }
  if (recording.endMs !== undefined) gaps.startAfter(recording.endMs);
  return recording.endMs;
}

/** A stream that is over: there is only the history. */
// oxlint-disable-next-line require-yield -- its type is that of a stream which speaks
async function* toEndedStream(): AsyncGenerator<Heard, UnbrokenEnd> {
  return { ending: { reason: "crashed", detail: "" }, next: undefined };
}

/** Runs one encoder after the other, until the stream is over or they fail too often. */
async function encodeAll(
  setting: RecordingSetting,
  { recording, pump, input }: Parts,
  signal: AbortSignal,
): Promise<void> {
  using patience = new Patience(setting.clock, signal);
  const onLevels = (levels: readonly Level[]): void => recording.measure(levels);
  const settings = { input, format: setting.show.format, onLevels };
  if (!(await pump.begin())) return;
  for (let failures = 0; ;) {
    const startSample = recording.keeper.endSample;
    const number = recording.beginEncoder(failures > DECODER_RETRIES);
    try {
      for await (const chunk of setting.encode(pump.feed(number), settings, patience.signal)) {
        recording.add(chunk);
        setting.room.requireRoom();
      }
      recording.endEncoder();
      return;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "decoder") throw error;
      recording.endEncoder();
      const keptSeconds = (recording.keeper.endSample - startSample) / SAMPLE_RATE;
      failures = keptSeconds >= DECODER_WELL_SECONDS ? 1 : failures + 1;
      if (signal.aborted || failures >= DECODER_FAILURES_MAX) {
        recording.finish();
        throw error;
      }
      setting.log.warn("the decoder ended; another one is fed with the same frames", error);
      recording.markDecoder(toReason(error));
    }
  }
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
