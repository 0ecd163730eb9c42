import type { ScheduleRule, ShowConfig } from "../../src/config/record-config.ts";
import type { Scenario } from "./simulate.ts";

export const HOUR_MS = 3_600_000;

const EVERY_DAY: readonly number[] = [1, 2, 3, 4, 5, 6, 7];

/** A show that is recorded around the clock, unless it is told otherwise. */
export function toShow(more: Partial<ShowConfig> = {}): ShowConfig {
  return {
    name: "radio",
    urls: ["http://station.invalid/live"],
    format: { audioFormat: "opus", bitrateKbps: 16, channels: 1, splitIntervalSeconds: 10 },
    retentionHours: 12,
    timezone: "Europe/Berlin",
    headers: {},
    padBeforeMs: 0,
    padAfterMs: 0,
    schedule: [],
    ...more,
  };
}

/** "22:00" to "02:00" on some days, Monday being 1. */
export function toRule(start: string, end: string, weekdays: readonly number[] = EVERY_DAY): ScheduleRule {
  const toMinute = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return { weekdays, startMinute: toMinute(start), endMinute: toMinute(end) };
}

/** A usual station, an hour of it, and nothing that goes wrong; unless it is told otherwise. */
export function toScenario(more: Partial<Scenario> = {}): Scenario {
  return {
    seed: 1,
    durationMs: HOUR_MS,
    startMs: Date.UTC(2026, 2, 27, 10),
    show: toShow(),
    format: "aacAt24",
    driftPpm: 0,
    server: {
      burstMs: 4000,
      blockBytes: 1,
      sendEveryMs: 200,
      latencyMs: 20,
      jitterMs: 100,
      dateErrorMs: 0,
    },
    faults: [],
    ...more,
  };
}
