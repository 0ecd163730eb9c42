import type { Encode } from "../audio/encoder.ts";
import type { ShowConfig } from "../config/record-config.ts";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import { samplesToMs } from "../core/segment.ts";
import { toGapEvent } from "../core/show-event.ts";
import { type ShowHealth, type ShowState, toNewHealth } from "../core/show-health.ts";
import type { Receiver } from "../store/receivers.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import type { DiskRoom } from "./disk-room.ts";
import { type Absence, toDowntimeGaps } from "./downtime.ts";
import { GapLedger } from "./gap-ledger.ts";
import { keepRecording } from "./keep-recording.ts";
import { Retention } from "./retention.ts";
import type { SavePace } from "./save-pace.ts";
import { type RecordingWindow, toNextDayMs, toNextWindow } from "./schedule.ts";
import { sleepUntil } from "./sleep-until.ts";
import { type Ending, toText } from "./ending.ts";
import type { StreamSource } from "./stream-source.ts";
import { waitForRoom } from "./wait-for-room.ts";
import { watchClock } from "./watch-clock.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/**
 * A machine that has just started may not know the time yet; nothing is deleted before it had a chance to learn it. One that starts
 * again and again must come to it too.
 */
const FIRST_RETENTION_MS = 300_000;

/** The schedule is looked at anew this often: this machine's clock may be set, also back, and the machine may sleep. */
const LOOK_EVERY_MS = 5000;

/** A look that comes later than this comes from a machine that slept, or whose clock was set. */
const MISSED_MS_MIN: number = 12 * LOOK_EVERY_MS;

/** The state is told when it changes, and the newest byte's time this often. */
const REPORT_MS = 500;

export type RecorderParts = {
  show: ShowConfig;
  writer: ShowWriter;
  source: StreamSource;
  encode: Encode;
  clock: Clock;
  /** From 0 to below 1; spreads attempts to connect. */
  random: () => number;
  log: Log;
  report: (health: ShowHealth) => void;
  room: DiskRoom;
  pace: SavePace;
  /** Who has told by now what it has of the show. */
  receivers: () => readonly Receiver[];
  /** Why nobody recorded before this recorder; `undefined` when it is the first since the program began. */
  absence: Absence | undefined;
};

/** Records one show: waits for its windows, keeps a connection during each, and applies retention after it. */
export class ShowRecorder {
  readonly #parts: RecorderParts;
  readonly #gaps = new GapLedger();
  readonly #retention: Retention;
  #health: ShowHealth;
  #reportedMs = -Infinity;
  /** Unix time at which this recorder began to look at the schedule. */
  #startedMs = Infinity;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#retention = new Retention({ ...parts, freeBytes: () => parts.room.freeBytes });
    this.#health = toNewHealth(parts.show.name);
  }

  /** Records until `signal` aborts, and returns when all that was heard is stored. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#waitForRoom(signal);
    if (signal.aborted) return;
    this.#recover();
    this.#bookDowntime();
    this.#startedMs = this.#parts.clock.nowMs();
    const over = new AbortController();
    const watching = watchClock(this.#parts.clock, this.#noteStep, AbortSignal.any([signal, over.signal]));
    try {
      await this.#recordWindows(signal);
    } finally {
      over.abort();
      await watching;
    }
  }

  async #recordWindows(signal: AbortSignal): Promise<void> {
    const { show, clock } = this.#parts;
    let lookedMs = clock.nowMs();
    while (!signal.aborted) {
      const nowMs = clock.nowMs();
      if (nowMs - lookedMs > MISSED_MS_MIN) this.#bookMissed(lookedMs, nowMs);
      lookedMs = nowMs;
      const window = toNextWindow(show, nowMs);
      if (window.startMs > nowMs) {
        await this.#waitForRoom(signal);
        this.#report("waiting");
        await clock.sleep(Math.min(LOOK_EVERY_MS, window.startMs - nowMs), signal);
        continue;
      }
      await this.#recordWindow(window, signal);
      if (!signal.aborted) this.#retention.runWhenDue();
      lookedMs = clock.nowMs();
    }
  }

  /** The windows that came and went while this machine slept. */
  #bookMissed(sinceMs: number, nowMs: number): void {
    const { show, writer } = this.#parts;
    const absence = { sinceMs, reason: "suspended", detail: "" } as const;
    for (const gap of toDowntimeGaps(show, undefined, nowMs, absence)) {
      if (gap.endMs < nowMs) writer.addEvent(toGapEvent(gap));
    }
  }

  /** What a killed recorder had made durable of its last segment becomes that segment. */
  #recover(): void {
    const segments = this.#parts.writer.finishUnfinished();
    if (segments.length === 0) return;
    const seconds = segments.reduce((sum, segment) => sum + samplesToMs(segment.durationSamples), 0) / 1000;
    this.#parts.log.info(`recovered ${seconds.toFixed(1)} s of sound that was not yet in a segment`);
  }

  /** What was missed while nobody recorded; the gap that is still open ends with the first sound. */
  #bookDowntime(): void {
    const { show, writer, clock, absence } = this.#parts;
    const nowMs = clock.nowMs();
    for (const gap of toDowntimeGaps(show, writer.history(), nowMs, absence)) {
      if (gap.endMs < nowMs) writer.addEvent(toGapEvent(gap));
      else this.#gaps.open(gap);
    }
  }

  async #recordWindow(window: RecordingWindow, signal: AbortSignal): Promise<void> {
    const { writer, clock, log } = this.#parts;
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const end = sleepUntil(clock, window.endMs, either).then(() => over.abort());
    const retention = window.endMs === Infinity ? this.#applyRetentionDaily(either) : undefined;
    log.info("recording begins");
    this.#gaps.open({ startMs: this.#toGapStart(window), reason: "connect-failed", detail: "" });
    try {
      await keepRecording(this.#toKeepParts(window), either);
    } finally {
      over.abort();
      await Promise.all([end, retention]);
    }
    const endMs = this.#gaps.stoppedMs ?? Math.min(clock.nowMs(), window.endMs);
    for (const event of this.#gaps.toEvents(endMs)) writer.addEvent(event);
    this.#gaps.close();
    const reason = signal.aborted ? "stopped" : "window-ended";
    writer.addEvent({ timestampMs: endMs, kind: "stop", data: { reason } });
    log.info(`recording ends (${reason})`);
  }

  /**
   * A machine that woke late missed a part of the window; sound that is held was not missed, whatever this machine's clock
   * says now.
   */
  #toGapStart(window: RecordingWindow): number {
    const startMs = window.startMs > this.#startedMs ? window.startMs : this.#parts.clock.nowMs();
    return Math.max(startMs, this.#parts.writer.history()?.soundEndMs ?? startMs);
  }

  #toKeepParts(window: RecordingWindow): Parameters<typeof keepRecording>[0] {
    const { show } = this.#parts;
    const isLong = window.endMs - window.startMs > DAY_MS;
    return {
      ...this.#parts,
      gaps: this.#gaps,
      toBoundaryMs: (nowMs) => (isLong ? toNextDayMs(show.timezone, nowMs) : Infinity),
      onArrival: this.#onArrival,
      onLost: this.#onLost,
      onPause: () => this.#report("reconnecting"),
      waitForRoom: (signal) => this.#waitForRoom(signal),
    };
  }

  async #waitForRoom(signal: AbortSignal): Promise<void> {
    if (this.#parts.room.ballast.isReleased) this.#report("disk-full");
    await waitForRoom({ ...this.#parts, retention: this.#retention }, signal);
  }

  async #applyRetentionDaily(signal: AbortSignal): Promise<void> {
    const { show, clock } = this.#parts;
    await clock.sleep(FIRST_RETENTION_MS, signal);
    while (!signal.aborted) {
      this.#retention.runWhenDue();
      await clock.sleep(show.waiting === undefined ? DAY_MS : HOUR_MS, signal);
    }
  }

  readonly #noteStep = (stepMs: number): void => {
    const { writer, clock, log } = this.#parts;
    const text = `this machine's clock was set by ${(stepMs / 1000).toFixed(1)} s; recordings go on unmoved`;
    try {
      log.warn(text);
      writer.addEvent({
        timestampMs: clock.nowMs(),
        kind: "clock-step",
        data: { step_ms: Math.round(stepMs) },
      });
    } catch (error) {
      // A recording that cannot be stored has a reason of its own to tell; the log has the step.
      log.warn("the step of the clock could not be stored", error);
    }
  };

  readonly #onArrival = (arrivalMs: number): void => {
    const { clock } = this.#parts;
    this.#health = { ...this.#health, lastByteMs: clock.nowMs() };
    if (this.#health.state !== "recording" || arrivalMs - this.#reportedMs >= REPORT_MS)
      this.#report("recording");
  };

  readonly #onLost = (ending: Ending): void => {
    this.#parts.log.warn(`${toText(ending)}; trying to go on where it broke off`);
    this.#report("reconnecting");
  };

  #report(state: ShowState): void {
    this.#health = { ...this.#health, state, saveEveryMs: this.#parts.pace.everyMs };
    this.#reportedMs = this.#parts.clock.monotonicMs();
    this.#parts.report(this.#health);
  }
}
