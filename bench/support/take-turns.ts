import { execFileSync } from "node:child_process";

import type { Move } from "./sync-sides.ts";
import { say } from "./verdict.ts";

const MEGABYTE = 1e6;

/** Each side once, then each once more: a machine that grows slower or faster meanwhile favours none. */
export async function takeTurns(
  sides: Readonly<Record<string, () => Promise<Move>>>,
  runs: number,
): Promise<Map<string, Move[]>> {
  const moves = new Map<string, Move[]>();
  for (let run = 0; run < runs; run++) {
    for (const [name, move] of Object.entries(sides)) {
      // What others wrote or deleted is no part of this one's time.
      execFileSync("sync");
      moves.set(name, [...(moves.get(name) ?? []), await move()]);
    }
  }
  for (const [name, list] of moves) {
    const seconds = list.map((move) => move.seconds.toFixed(2)).join(", ");
    const megabytes = Math.max(...list.map((move) => move.rssBytes)) / MEGABYTE;
    say(`${name.padEnd(16)} ${toMedian(list).toFixed(2)} s (${seconds}), ${megabytes.toFixed(0)} MB`);
  }
  return moves;
}

/** Of their seconds. */
export function toMedian(moves: readonly Move[]): number {
  const seconds = moves.map((move) => move.seconds).toSorted((a, b) => a - b);
  return seconds[Math.floor(seconds.length / 2)] ?? 0;
}
