import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { freePort } from "../../test/support/free-port.ts";
import { type RunningProcess, startProcess } from "../../test/support/run-cli.ts";

const START_MS_MAX = 5000;
const LOOK_EVERY_MS = 20;

/** rsync as a server: between two paths of one machine it copies files as a whole, and between two machines it does not. */
export type RsyncDaemon = { process: RunningProcess; url: string };

/** Serves the files of `directory` on loopback, and keeps its own in `home`. Whoever starts it stops its process. */
export async function startRsyncDaemon(directory: string, home: string): Promise<RsyncDaemon> {
  const config = join(home, "rsyncd.conf");
  const owner = process.getuid?.() === 0 ? "uid = root\ngid = root\n" : "";
  writeFileSync(config, `use chroot = no\n${owner}[shows]\npath = ${directory}\nread only = yes\n`);
  const port = await freePort();
  const args = ["--daemon", "--no-detach", "--address=127.0.0.1", `--port=${port}`, `--config=${config}`];
  const daemon = startProcess("rsync", args);
  const lateMs = performance.now() + START_MS_MAX;
  while (!(await isListening(port))) {
    if (performance.now() > lateMs) throw new Error(`rsync does not listen: ${daemon.stderr}`);
    await delay(LOOK_EVERY_MS);
  }
  return { process: daemon, url: `rsync://127.0.0.1:${port}/shows` };
}

async function isListening(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1", () => resolve(true));
  socket.on("error", () => resolve(false));
  const answer = await promise;
  socket.destroy();
  return answer;
}
