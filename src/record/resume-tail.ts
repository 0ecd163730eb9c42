import { type Frame, toSeconds } from "../audio/frame.ts";
import type { Clock } from "../core/clock.ts";
import type { ResumePoint, ResumeUpdate } from "../store/recording-state.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import { FrameHistory } from "./frame-history.ts";
import { joinStation } from "./join-station.ts";
import type { OpenStation } from "./open-station.ts";
import { packFrames, unpackFrames } from "./pack-frames.ts";
import type { Stitch } from "./station-stream.ts";

/** Beyond the burst: what the encoder may be late by, and the time to start again. */
const TAIL_SECONDS_MIN = 5;

/** No server's burst is longer; frames from before would only make the search slow. */
const TAIL_SECONDS_MAX = 30;

/** After a longer absence no burst reaches back. */
const AWAY_MS_MAX = 60_000;

/** Tells the store what a new recorder would need to go on where this one is killed. */
export class ResumeTail {
  readonly #history: FrameHistory;
  readonly #clock: Clock;
  readonly #input: string;
  readonly #burstMs: () => number;
  #savedNumber: number;

  constructor(history: FrameHistory, clock: Clock, station: OpenStation) {
    this.#history = history;
    this.#clock = clock;
    this.#input = station.stream.format;
    this.#burstMs = () => station.stream.burstMs;
    this.#savedNumber = history.endNumber;
  }

  toUpdate(end: Omit<ResumePoint, "input" | "heardMs">): ResumeUpdate {
    const { endSeconds } = this.#history;
    const frames = this.#history.since(this.#savedNumber);
    const tailSeconds = Math.min(TAIL_SECONDS_MAX, this.#burstMs() / 1000 + TAIL_SECONDS_MIN);
    return {
      point: { ...end, input: this.#input, heardMs: this.#clock.nowMs() },
      part: frames.length === 0 ? undefined : { endSeconds, frames: packFrames(frames) },
      keepFromSeconds: endSeconds - tailSeconds,
    };
  }

  onStored(): void {
    this.#savedNumber = this.#history.endNumber;
  }
}

/** Where a recording goes on that another recorder began. */
export type Resumed = { history: FrameHistory; startSample: number; stitch: Stitch };

/**
 * Joins a new connection to the last recording of the database, if its burst reaches back to it. The connection's clock then
 * goes on from where the last recording ended. `undefined` when a recording of its own has to begin.
 */
export async function resumeRecording(
  parts: { writer: ShowWriter; clock: Clock },
  station: OpenStation,
): Promise<Resumed | undefined> {
  const { writer, clock } = parts;
  const last = writer.resume();
  const tail = last?.tail.flatMap((part) => unpackFrames(part.frames)) ?? [];
  const frameMs = (tail.at(-1)?.durationSeconds ?? 0) * 1000;
  if (last === undefined || last.point.input !== station.stream.format || frameMs === 0) return undefined;
  // The headers that a new decoder would need for pages of the last recording are not kept.
  if (last.point.input === "ogg") return undefined;
  const awayMs = clock.nowMs() - last.point.heardMs;
  if (awayMs < 0 || awayMs > AWAY_MS_MAX) return undefined;
  const lastArrivalMs = clock.monotonicMs() - awayMs;
  const lost = { frames: tail.map((frame) => frame.bytes), frameMs, lastArrivalMs };
  const joined = await joinStation(station.stream, lost, clock);
  if (joined.kind !== "joined") return undefined;
  station.air.anchor(last.point.endSeconds, last.point.endMs);
  const reason = writer.history()?.wasStopped === true ? "stopped" : "crashed";
  return {
    history: toHistory(tail, last.tail.at(-1)?.endSeconds ?? 0),
    startSample: last.point.endSample,
    stitch: { reason, awayMs, overlapFrames: joined.skip, isCertain: joined.isCertain },
  };
}

function toHistory(tail: readonly Frame[], endSeconds: number): FrameHistory {
  const history = new FrameHistory(endSeconds - toSeconds(tail));
  history.add(tail);
  return history;
}
