import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import { type Station, startStation } from "../../src/station/station.ts";
import { fillUp } from "./mounts.ts";
import { type RunningProcess, startCli } from "./run-cli.ts";
import { tempDir } from "./temp-dir.ts";

/** What the recorder of these tests records; both from one station. */
export const SHOWS = ["opus", "wav"] as const;

/** Long enough for a hole that the burst of a second does not fill. */
const HELD_MS = 4000;

export function toShowPath(disk: string, name: string): string {
  return join(disk, "rec", `${name}.sqlite`);
}

export async function startTone(): Promise<Station> {
  const mount = { format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2, path: "/a" } as const;
  return await startStation({ mounts: [{ ...mount, burstBytes: 16_000 }] });
}

/** Two shows on one disk; the configuration is elsewhere. */
export function startRecorder(disk: string, station: Station): RunningProcess {
  const dir = tempDir();
  const shows = SHOWS.map(
    (name) =>
      `[[shows]]\nname = "${name}"\nurl = "${station.url("/a")}"\nsplit_interval = 2\nretention_hours = 1\nbitrate = 64\naudio_format = "${name}"\n`,
  );
  const config = join(dir.path, "record.toml");
  writeFileSync(config, `output_dir = "${join(disk, "rec")}"\n[api]\nport = 0\n${shows.join("")}`);
  const recorder = startCli(["record", "-c", config]);
  void recorder.exited.finally(() => dir[Symbol.dispose]());
  return recorder;
}

export async function toUrl(recorder: RunningProcess): Promise<string> {
  const [, url = ""] = await recorder.waitForLine(/player at (http:\S+)/, 30_000);
  return url;
}

/** Every other time, something else takes what the ballast gave up too, so that not a byte can be written. */
export async function eatBallast(disk: string, cycle: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < HELD_MS; waitedMs += 100) {
    if (cycle % 2 === 0) fillUp(disk);
    await delay(100);
  }
}

export function checkIntegrity(path: string): void {
  using database = new DatabaseSync(path);
  assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
}
