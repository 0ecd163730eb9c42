import { execFileSync } from "node:child_process";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";

import { watchPeakBytes } from "../../test/support/peak-memory.ts";
import { type RunningProcess, root, startProcess } from "../../test/support/run-cli.ts";
import type { RsyncDaemon } from "./rsync-daemon.ts";

/** A sender in a process of its own. */
export type BenchSender = { process: RunningProcess; url: string };

/** What moving a show took. `rssBytes` is the most memory that the client had. */
export type Move = { seconds: number; rssBytes: number };

const SHOW = "a";

/** Serves the databases of a directory; `json`: in no other format. */
export async function startBenchSender(directory: string, mode: "cbor" | "json"): Promise<BenchSender> {
  const script = join(root, "bench/support/sender-process.ts");
  const process_ = startProcess(process.execPath, [script, directory, mode]);
  const [, port] = await process_.waitForLine(/port (\d+)/);
  return { process: process_, url: `http://127.0.0.1:${port}` };
}

/** Bytes that a sender has sent so far. */
export async function readSentBytes({ url }: BenchSender): Promise<number> {
  return Number(await (await fetch(`${url}/bytes`)).text());
}

/** The program as it is published. */
export function buildProgram(): void {
  execFileSync(process.execPath, [join(root, "scripts/build.mjs")], { stdio: "ignore" });
}

/** One pass into `directory`, by the program as it is published. */
export async function moveBySync({ url }: BenchSender, directory: string): Promise<Move> {
  const args = [join(root, "dist/main.js"), "sync", "-r", url, "-l", directory, "-n", SHOW, "--quiet"];
  return await measure(process.execPath, args);
}

/** The file as it is, and then on the disk. */
export async function moveByCurl({ url }: BenchSender, directory: string): Promise<Move> {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${SHOW}.sqlite`);
  const args = ["--silent", "--fail", "--output", file, `${url}/file/${SHOW}.sqlite`];
  return await moveByTool("curl", args, file);
}

/** The same by rsync; its quick check is no judge of databases, which may keep their size and their second. */
export async function moveByRsync(
  { url }: RsyncDaemon,
  directory: string,
  args: readonly string[] = [],
): Promise<Move> {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${SHOW}.sqlite`);
  return await moveByTool("rsync", [...args, "--ignore-times", `${url}/${SHOW}.sqlite`, file], file);
}

/** The file by a tool that is told where to put it, and then on the disk. */
async function moveByTool(command: string, args: readonly string[], file: string): Promise<Move> {
  const startMs = performance.now();
  const move = await measure(command, args);
  syncFile(file);
  return { ...move, seconds: (performance.now() - startMs) / 1000 };
}

/** Whether a program is installed. */
export function isInstalled(command: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((directory) => existsSync(join(directory, command)));
}

export function removeAll(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

async function measure(command: string, args: readonly string[]): Promise<Move> {
  const startMs = performance.now();
  const running = startProcess(command, args);
  const seconds = running.exited.then(() => (performance.now() - startMs) / 1000);
  const rssBytes = await watchPeakBytes(running);
  const { status, stderr } = await running.exited;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return { seconds: await seconds, rssBytes };
}

function syncFile(file: string): void {
  const descriptor = openSync(file, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
