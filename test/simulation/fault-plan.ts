import type { Refusal } from "./simulated-server.ts";
import type { StallEnd } from "./simulated-connection.ts";
import { FORMAT_NAMES, type FormatName } from "./simulated-frame.ts";

/** What can go wrong. Times are milliseconds. */
export type Fault =
  | { kind: "drop"; how: "closed" | "reset" }
  /** All connections end, and for a while no new one comes about. */
  | { kind: "outage"; ms: number; refusal: Refusal }
  /** The connections of now say nothing for a while; new ones are well. */
  | { kind: "stall"; ms: number; end: StallEnd }
  /** The whole server pauses, and then goes on with all that it has kept. */
  | { kind: "freeze"; ms: number }
  | { kind: "damage"; frames: number }
  | { kind: "garbage"; garbageBytes: number }
  | { kind: "encoder-restart"; pauseMs: number; format: FormatName; how: "closed" | "reset" | "unnoticed" }
  | { kind: "kill"; downMs: number }
  | { kind: "stop"; downMs: number }
  | { kind: "clock-step"; ms: number }
  | { kind: "decoder" }
  | { kind: "burst"; burstMs: number };

export type PlannedFault = { atMs: number; fault: Fault };

/** How often each kind comes, against the others. */
export type FaultMix = Readonly<Partial<Record<Fault["kind"], number>>>;

export const ALL_FAULTS: Readonly<Record<Fault["kind"], number>> = {
  drop: 6,
  outage: 4,
  stall: 6,
  freeze: 3,
  damage: 2,
  garbage: 2,
  "encoder-restart": 2,
  kill: 3,
  stop: 1,
  "clock-step": 2,
  decoder: 1,
  burst: 1,
};

const KINDS: readonly Fault["kind"][] = [
  "drop",
  "outage",
  "stall",
  "freeze",
  "damage",
  "garbage",
  "encoder-restart",
  "kill",
  "stop",
  "clock-step",
  "decoder",
  "burst",
];

/** Nothing happens before the recorder had time to begin. */
const FIRST_MS = 20_000;

/** Faults at random moments; the gaps between them are short at times, so that they meet. */
export function planFaults(
  mix: FaultMix,
  { durationMs, everyMs }: { durationMs: number; everyMs: number },
  random: () => number,
): PlannedFault[] {
  const kinds = KINDS.flatMap((kind) => Array.from({ length: mix[kind] ?? 0 }, () => kind));
  const plan: PlannedFault[] = [];
  for (let atMs = FIRST_MS; ;) {
    atMs += Math.round(-Math.log(1 - random()) * everyMs);
    if (atMs >= durationMs) return plan;
    plan.push({ atMs, fault: toFault(pick(kinds, random), random) });
  }
}

function toFault(kind: Fault["kind"], random: () => number): Fault {
  switch (kind) {
    case "drop":
      return { kind, how: pick(["closed", "reset"], random) };
    case "outage":
      return {
        kind,
        ms: spread(100, pick([3000, 60_000, 600_000], random), random),
        refusal: pick(["refused", "hanging", "page"], random),
      };
    case "stall":
      return {
        kind,
        ms: spread(200, pick([3000, 8000, 3_600_000], random), random),
        end: pick(["backlog", "lost", "closed"], random),
      };
    case "freeze":
      return { kind, ms: spread(200, 30_000, random) };
    case "damage":
      return { kind, frames: 1 + Math.floor(random() * 40) };
    case "garbage":
      return { kind, garbageBytes: spread(1, 3000, random) };
    case "encoder-restart":
      return {
        kind,
        pauseMs: spread(0, pick([100, 2000, 60_000], random), random),
        format: pick(FORMAT_NAMES, random),
        how: pick(["closed", "reset", "unnoticed"], random),
      };
    case "kill":
      return { kind, downMs: spread(100, pick([2000, 300_000], random), random) };
    case "stop":
      return { kind, downMs: spread(100, pick([2000, 300_000], random), random) };
    case "clock-step":
      return { kind, ms: (random() - 0.5) * 2 * pick([200, 2000, 30_000, 5_400_000], random) };
    case "decoder":
      return { kind };
    case "burst":
      return { kind, burstMs: spread(0, 12_000, random) };
  }
}

function pick<T>(list: readonly T[], random: () => number): T {
  const item = list[Math.floor(random() * list.length)];
  if (item === undefined) throw new RangeError("nothing to pick from");
  return item;
}

/** A number from `low` to `high`, more often a small one. */
function spread(low: number, high: number, random: () => number): number {
  return Math.round(low + (high - low) * random() ** 2);
}
