import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const STOP_MS_MAX = 5000;
const LOOK_EVERY_MS = 5;

/** Stops all threads of a process where they are; resolves when they stand. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  const lateMs = performance.now() + STOP_MS_MAX;
  while (readThreads(pid).some(({ state }) => !"TtXZ".includes(state))) {
    if (performance.now() > lateMs) throw new Error(`process ${pid} does not stop`);
    await delay(LOOK_EVERY_MS);
  }
}

/** A thread that a tracer has held for so many looks in a row is held on purpose. */
const HELD_LOOKS = 10;
const HELD_LOOK_EVERY_MS = 20;

/** Resolves when a tracer holds a thread of the process: true; or when the process has ended: false. */
export async function waitUntilHeld(pid: number): Promise<boolean> {
  const looks = new Map<string, number>();
  for (;;) {
    const threads = readThreads(pid).filter(({ state }) => !"XZ".includes(state));
    if (threads.length === 0) return false;
    const held = threads.filter(({ state }) => state === "t").map(({ id, switches }) => `${id} ${switches}`);
    for (const known of looks.keys()) if (!held.includes(known)) looks.delete(known);
    for (const thread of held) looks.set(thread, (looks.get(thread) ?? 0) + 1);
    if ([...looks.values()].some((count) => count >= HELD_LOOKS)) return true;
    await delay(HELD_LOOK_EVERY_MS);
  }
}

/** The process that traces another; 0 when none does. */
export function readTracer(pid: number): number {
  return Number(/^TracerPid:\s+(\d+)/m.exec(readStatus(`/proc/${pid}/status`))?.[1] ?? 0);
}

type Thread = { id: string; state: string; switches: string };

/** The threads of a process; none elsewhere than on Linux, and when it is gone. */
function readThreads(pid: number): Thread[] {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return [];
  return readdirSync(tasks).flatMap((id) => {
    const status = readStatus(join(tasks, id, "status"));
    const state = /^State:\s+(\w)/m.exec(status)?.[1];
    const switches = /^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1];
    return state === undefined || switches === undefined ? [] : [{ id, state, switches }];
  });
}

function readStatus(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // The thread has ended meanwhile.
    return "";
  }
}
