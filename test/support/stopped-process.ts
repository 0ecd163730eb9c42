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

type Thread = { id: string; state: string; switches: string };

/** The threads of a process; none elsewhere than on Linux, and when it is gone. */
export function readThreads(pid: number): Thread[] {
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
