import { AppError } from "../core/app-error.ts";
import type { ResumeUpdate } from "../store/recording-state.ts";
import { AirClock } from "./air-clock.ts";
import { encodeAll } from "./encode-all.ts";
import { InputPump } from "./input-pump.ts";
import type { OpenStation } from "./open-station.ts";
import { Recording } from "./recording.ts";
import type { RecordingSetting } from "./recording-setting.ts";
import type { LastRecording } from "./resume-recording.ts";
import { ResumeTail } from "./resume-tail.ts";
import type { Heard } from "./station-stream.ts";
import { isInReach, trimOverlap } from "./trim-overlap.ts";
import type { UnbrokenEnd } from "./unbroken-stream.ts";

/** Less than this is not worth a session of its own. */
const REST_SECONDS_MIN = 0.1;

/** Two clocks that are known only as far as a server's `Date` tells them may differ by so much more; nothing may be left out that is new. */
const CLOCK_MARGIN_MS = 1000;
const SAME_CLOCK_MS_MAX = 250;

/** A connection, and the recording before it, from which it does not go on. */
export type Apart = {
  station: OpenStation;
  last: LastRecording | undefined;
  /** Where that ends on the monotonic clock, if this program has recorded it. */
  soundEndMs: number | undefined;
};

/**
 * Before a recording that does not go on from the last one, encodes what is left of that, and leaves out of the new connection what
 * is stored already. Returns how many seconds of the new connection are durable. Of sound whose time was not found, only its frames could tell what a burst repeats.
 */
export async function beginApart(
  setting: RecordingSetting,
  { station, last, soundEndMs }: Apart,
  signal: AbortSignal,
): Promise<number> {
  const { writer, clock } = setting;
  const rest = last !== undefined && toRestSeconds(last) >= REST_SECONDS_MIN ? last : undefined;
  const point = writer.resumePoint();
  const isFound = point?.isFound !== false;
  const clockOffMs = station.air.aheadOf(clock) - (point?.clockAheadMs ?? 0);
  const marginMs = Math.abs(clockOffMs) > SAME_CLOCK_MS_MAX ? CLOCK_MARGIN_MS : 0;
  const toStoredEndMs = (restEndMs: number | undefined): number | undefined => {
    if (restEndMs === undefined && soundEndMs !== undefined) return soundEndMs;
    const endMs = restEndMs ?? writer.history()?.soundEndMs;
    return endMs === undefined ? undefined : station.air.toMonotonicMs(endMs - marginMs);
  };
  const expectedMs = toStoredEndMs(rest && rest.point.endMs + toRestSeconds(rest) * 1000);
  const encode = async (): Promise<number | undefined> =>
    toStoredEndMs(rest && (await encodeRest(setting, rest, signal)));
  if (station.isFollowing || !isFound || expectedMs === undefined || !isInReach(expectedMs, clock)) {
    await encode();
    return 0;
  }
  const save = (resume: ResumeUpdate): void => writer.savePieces([], { events: [], resume });
  return await trimOverlap(station, { clock, everyMs: setting.pace.everyMs, stored: encode(), save });
}

function toRestSeconds({ point, history }: LastRecording): number {
  return history.endSeconds - point.endSeconds;
}

/**
 * Encodes what the last recorder had heard and not encoded; a connection that cannot be joined to it does not bring it again. Returns
 * the Unix time at which it ends; `undefined` when it could not be decoded.
 */
async function encodeRest(
  setting: RecordingSetting,
  { point, input, history }: LastRecording,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { clock, gaps, log } = setting;
  const now = { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  const air = new AirClock(now, point.clockAheadMs);
  air.anchor(point.endSeconds, point.endMs, point.isSettled);
  const { format, silenceAfterMs } = setting.show;
  const tail = new ResumeTail(history, () => point.heardMs, {
    source: { format: input, burstMs: 0 },
    draftSeconds: 0,
  });
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
