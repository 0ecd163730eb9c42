import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";

/** The machine that a figure was taken on, in one line. */
export function describeMachine(): string {
  const ffmpeg = /^ffmpeg version (\S+)/.exec(
    execFileSync("ffmpeg", ["-version"], { encoding: "utf8" }),
  )?.[1];
  const memoryGb = Math.round(totalmem() / 1e9);
  return (
    `${availableParallelism()} × ${cpus()[0]?.model ?? "unknown processor"}, ${memoryGb} GB, ` +
    `${type()} ${release()}, Node ${process.versions.node}, ffmpeg ${ffmpeg ?? "unknown"}`
  );
}

/** How many processors were busy on average since `before`, with whatever: it tells whether others disturbed a measurement. */
export function toBusyCores(before: BusyTimes, after: BusyTimes): number {
  const allMs = after.busyMs + after.idleMs - before.busyMs - before.idleMs;
  return ((after.busyMs - before.busyMs) / allMs) * cpus().length;
}

/** Processor time since the start of the machine, summed over all processors. */
export type BusyTimes = { busyMs: number; idleMs: number };

export function readBusyTimes(): BusyTimes {
  const times = cpus().map((cpu) => cpu.times);
  const busy = times.map(({ user, nice, sys, irq }) => user + nice + sys + irq);
  return { busyMs: toSum(busy), idleMs: toSum(times.map(({ idle }) => idle)) };
}

function toSum(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
