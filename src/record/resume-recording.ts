import type { FrameFormat } from "../audio/frame.ts";
import { toSeconds } from "../audio/frame.ts";
import type { Clock } from "../core/clock.ts";
import type { ResumePoint } from "../store/recording-state.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import { FRAME_BYTES_MAX, FrameHistory } from "./frame-history.ts";
import { joinStation } from "./join-station.ts";
import type { OpenStation } from "./open-station.ts";
import { unpackFrames } from "./pack-frames.ts";
import { isResumable } from "./resume-tail.ts";
import type { Stitch } from "./station-stream.ts";

/** After a longer absence no burst reaches back. */
const AWAY_MS_MAX = 60_000;

/** What the last recorder of a database had heard, and how far its sound had been encoded. */
export type LastRecording = { point: ResumePoint; input: FrameFormat; history: FrameHistory };

/** Where a recording goes on that another recorder began. */
export type Resumed = { history: FrameHistory; startSample: number; stitch: Stitch };

/** Reads what a recorder left behind; `undefined` when that is nothing to go on from. */
export function readLastRecording(writer: ShowWriter): LastRecording | undefined {
  const point = writer.resumePoint();
  if (point === undefined || !isResumable(point.input)) return undefined;
  const tail = writer.inputTail();
  const frames = tail.flatMap((part) => unpackFrames(part.frames));
  if (frames.length === 0 || frames.some(({ bytes }) => bytes.length > FRAME_BYTES_MAX)) return undefined;
  const history = new FrameHistory((tail.at(-1)?.endSeconds ?? 0) - toSeconds(frames));
  history.add(frames);
  return { point, input: point.input, history };
}

/**
 * Joins a new connection to the last recording of the database, if its burst reaches back to it. The connection's clock then
 * goes on from where the last recording ended. `undefined` when a recording of its own has to begin.
 */
export async function resumeRecording(
  parts: { writer: ShowWriter; clock: Clock },
  last: LastRecording,
  station: OpenStation,
): Promise<Resumed | undefined> {
  const { writer, clock } = parts;
  const { point, history } = last;
  if (point.input !== station.stream.format) return undefined;
  const awayMs = station.air.toUnixMs(clock.monotonicMs()) - point.heardMs;
  if (awayMs > AWAY_MS_MAX) return undefined;
  const held = history.since();
  const frames = held.map((frame) => frame.bytes);
  const frameMs = (held.at(-1)?.durationSeconds ?? 0) * 1000;
  // Where the clock was set back meanwhile, only frames that prove it can be joined.
  const lastArrivalMs = awayMs < 0 ? -Infinity : clock.monotonicMs() - awayMs;
  const lost = { frames, frameMs, lastArrivalMs };
  const joined = await joinStation(station.stream, lost, clock);
  if (joined.kind !== "joined") return undefined;
  station.air.anchor(point.endSeconds, point.endMs, point.isSettled);
  const reason = writer.history()?.wasStopped === true ? "stopped" : "crashed";
  const stitch = { reason, awayMs, overlapFrames: joined.skip, isCertain: joined.isCertain } as const;
  return { history, startSample: point.endSample, stitch };
}
