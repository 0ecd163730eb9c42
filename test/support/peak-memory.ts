import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

import type { RunningProcess } from "./run-cli.ts";

/** The most memory is only told while a process lives: it is looked at this often. */
const LOOK_EVERY_MS = 20;

const KIBIBYTE = 1024;

/** The most resident memory that a process had; resolves when it is over. 0 elsewhere than on Linux. */
export async function watchPeakBytes({ child, pid }: RunningProcess): Promise<number> {
  let peakBytes = 0;
  while (child.exitCode === null && child.signalCode === null) {
    peakBytes = Math.max(peakBytes, readPeakBytes(pid));
    await delay(LOOK_EVERY_MS);
  }
  return peakBytes;
}

/** 0 when the process is over. */
function readPeakBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * KIBIBYTE;
  } catch {
    return 0;
  }
}
