/**
 * What processes cost, with all their children, read from `/proc`. Linux only.
 *
 * | from | fields | means |
 * |---|---|---|
 * | `/proc/PID/stat` | `utime`, `stime` | what the process itself has used, all threads |
 * | `/proc/PID/stat` | `cutime`, `cstime` | what its children had used that have ended and were waited for |
 * | `/proc/PID/smaps_rollup` | `Pss` | its memory; what several processes share is divided among them |
 *
 * A child that ends moves its time from its own row to its parent's, so that the sum over a tree never loses any. What
 * the kernel does on behalf of all (writing back to a disk, network interrupts) belongs to no process.
 */
import { readdirSync, readFileSync } from "node:fs";

/** The unit of the times; the same on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

const KIBIBYTE = 1024;

/** The fields of `stat` that follow the name in brackets, counted from 0. */
const PARENT_FIELD = 1;
const TIME_FIELDS = [11, 12, 13, 14] as const;

type Row = { pid: number; parentPid: number; ticks: number };

/** Processor time, user and system, that trees have used so far. */
export function readCpuSeconds(rootPids: readonly number[]): number {
  const ticks = readTrees(rootPids).reduce((sum, row) => sum + row.ticks, 0);
  return ticks / TICKS_PER_SECOND;
}

/** Memory that trees use now, as proportional set size. */
export function readPssBytes(rootPids: readonly number[]): number {
  return readTrees(rootPids).reduce((sum, { pid }) => sum + readPss(pid), 0);
}

/** The rows of the given processes and of all their descendants. */
function readTrees(rootPids: readonly number[]): Row[] {
  const rows = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readRow);
  const members = new Set(rootPids);
  // A parent may stand behind its child, since numbers are used again.
  for (let known = 0; known !== members.size;) {
    known = members.size;
    for (const { pid, parentPid } of rows) if (members.has(parentPid)) members.add(pid);
  }
  return rows.filter(({ pid }) => members.has(pid));
}

function readRow(pid: string): Row[] {
  const stat = readProcFile(`/proc/${pid}/stat`);
  // The name may hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (stat === "") return [];
  const ticks = TIME_FIELDS.reduce((sum, field) => sum + Number(fields[field]), 0);
  return [{ pid: Number(pid), parentPid: Number(fields[PARENT_FIELD]), ticks }];
}

function readPss(pid: number): number {
  const match = /^Pss:\s+(\d+) kB$/m.exec(readProcFile(`/proc/${pid}/smaps_rollup`));
  return Number(match?.[1] ?? 0) * KIBIBYTE;
}

/** Empty for a process that has ended in the meantime. */
function readProcFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return "";
    throw error;
  }
}
