import type { Encode } from "../audio/encoder.ts";
import type { ShowConfig } from "../config/record-config.ts";
import { type Backoff, toBackoffMs } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import { samplesToMs } from "../core/segment.ts";
import { toGapEvent } from "../core/show-event.ts";
import type { ShowHealth, ShowState } from "../core/show-health.ts";
import type { ShowWriter } from "../store/sqlite-show-writer.ts";
import { toDowntimeGaps } from "./downtime.ts";
import { GapLedger } from "./gap-ledger.ts";
import type { OpenStation } from "./open-station.ts";
import { recordSession, type SessionResult } from "./record-session.ts";
import { Retention } from "./retention.ts";
import { type RecordingWindow, toNextWindow } from "./schedule.ts";
import type { Ending } from "./station-stream.ts";
import type { StreamSource } from "./stream-source.ts";

/** Some stations block addresses that hammer them. */
const RECONNECT: Backoff = { firstMs: 100, maxMs: 30_000 };

/** A station that held for this long is well again: the next failure starts the back-off anew. */
const WELL_AFTER_SECONDS = 10;

/** After so many short sessions in a row, a connection that is open already is no reason to go on without a pause. */
const QUICK_FAILURES_MAX = 3;

/** Waits are taken in parts, so that a clock that steps or a machine that sleeps delays nothing for longer. */
const WAIT_MS = 5000;

const DAY_MS = 86_400_000;

/** A machine that has just started may not know the time yet; nothing is deleted before it had a chance to learn it. */
const FIRST_RETENTION_MS = 3_600_000;

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
};

/** Records one show: waits for its windows, keeps a connection during each, and applies retention after it. */
export class ShowRecorder {
  readonly #parts: RecorderParts;
  readonly #gaps = new GapLedger();
  readonly #retention: Retention;
  #health: ShowHealth;
  #reportedMs = -Infinity;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#retention = new Retention(parts.clock);
    this.#health = { name: parts.show.name, state: "waiting", lastByteMs: null };
  }

  /** Records until `signal` aborts, and returns when all that was heard is stored. */
  async run(signal: AbortSignal): Promise<void> {
    const { show, writer, clock, log } = this.#parts;
    this.#recover();
    this.#bookDowntime();
    while (!signal.aborted) {
      const window = toNextWindow(show, clock.nowMs());
      this.#report("waiting");
      await this.#sleepUntil(window.startMs, signal);
      if (signal.aborted) return;
      await this.#recordWindow(window, signal);
      if (!signal.aborted) this.#retention.runWhenDue(writer, show, log);
    }
  }

  /** What a killed recorder had made durable of its last segment becomes that segment. */
  #recover(): void {
    const segment = this.#parts.writer.finishUnfinished();
    if (segment === undefined) return;
    const seconds = samplesToMs(segment.durationSamples) / 1000;
    this.#parts.log.info(`recovered ${seconds.toFixed(1)} s of a segment that was not finished`);
  }

  /** What was missed while nobody recorded; the gap that is still open ends with the first sound. */
  #bookDowntime(): void {
    const { show, writer, clock } = this.#parts;
    const nowMs = clock.nowMs();
    for (const gap of toDowntimeGaps(show, writer.history(), nowMs)) {
      if (gap.endMs < nowMs) writer.addEvent(toGapEvent(gap));
      else this.#gaps.open(gap);
    }
  }

  async #recordWindow(window: RecordingWindow, signal: AbortSignal): Promise<void> {
    const { writer, clock, log } = this.#parts;
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const end = this.#sleepUntil(window.endMs, either).then(() => over.abort());
    const retention = window.endMs === Infinity ? this.#applyRetentionDaily(either) : undefined;
    log.info("recording begins");
    this.#gaps.open({ startMs: clock.nowMs(), reason: "connect-failed", detail: "" });
    try {
      await this.#keepConnected(either);
    } finally {
      over.abort();
      await Promise.all([end, retention]);
    }
    const endMs = Math.min(clock.nowMs(), window.endMs);
    for (const event of this.#gaps.close(endMs)) writer.addEvent(event);
    const reason = signal.aborted ? "stopped" : "window-ended";
    writer.addEvent({ timestampMs: endMs, kind: "stop", data: { reason } });
    log.info(`recording ends (${reason})`);
  }

  /** One session after the other, with growing pauses while nothing comes. */
  async #keepConnected(signal: AbortSignal): Promise<void> {
    const { show, clock, log } = this.#parts;
    let failures = 0;
    let opened: OpenStation | undefined;
    while (!signal.aborted) {
      const url = show.urls[failures % show.urls.length] ?? "";
      const setting = {
        ...this.#parts,
        url,
        gaps: this.#gaps,
        onArrival: this.#onArrival,
        onLost: this.#onLost,
      };
      const result = await recordSession(setting, opened, signal);
      opened = result.next;
      this.#openGap(result);
      if (signal.aborted) break;
      failures = result.heardSeconds >= WELL_AFTER_SECONDS ? 0 : failures + 1;
      if (opened !== undefined && failures <= QUICK_FAILURES_MAX) {
        log.warn(`${toText(result.ending)}; connected again, but not where it broke off`);
        continue;
      }
      opened?.stream.close();
      opened = undefined;
      const delayMs = toBackoffMs(RECONNECT, Math.max(0, failures - 1), this.#parts.random);
      this.#report(result.ending.reason === "disk-full" ? "disk-full" : "reconnecting");
      log.warn(`${toText(result.ending)}; next attempt in ${(delayMs / 1000).toFixed(1)} s`);
      await clock.sleep(delayMs, signal);
    }
    opened?.stream.close();
  }

  #openGap({ ending, endMs }: SessionResult): void {
    this.#gaps.open({ startMs: endMs ?? this.#parts.clock.nowMs(), ...ending });
  }

  async #applyRetentionDaily(signal: AbortSignal): Promise<void> {
    const { show, writer, log, clock } = this.#parts;
    await clock.sleep(FIRST_RETENTION_MS, signal);
    while (!signal.aborted) {
      this.#retention.runWhenDue(writer, show, log);
      await clock.sleep(DAY_MS, signal);
    }
  }

  async #sleepUntil(wallMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    while (!signal.aborted && clock.nowMs() < wallMs) {
      await clock.sleep(Math.min(WAIT_MS, wallMs - clock.nowMs()), signal);
    }
  }

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
    this.#health = { ...this.#health, state };
    this.#reportedMs = this.#parts.clock.monotonicMs();
    this.#parts.report(this.#health);
  }
}

function toText({ reason, detail }: Ending): string {
  return detail === "" ? reason : `${reason}: ${detail}`;
}
