import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

import type { MountOptions } from "../../src/station/mount.ts";
import { mainPath, type RunningProcess, startProcess } from "../../test/support/run-cli.ts";

/** One show of a benchmark: what it listens to and how it is kept. */
export type BenchShow = { name: string; url: string; bitrateKbps: number };

/** What most stations send. Few mounts serve all shows: an encoder for each would use up the machine by itself. */
const MOUNTS: readonly MountOptions[] = [
  { path: "/mp3", format: "mp3", bitrateKbps: 128, sampleRate: 44_100, channels: 2 },
  { path: "/aac", format: "aac", bitrateKbps: 96, sampleRate: 44_100, channels: 2 },
];

/** The default of `record`, and one at which a codec leaves every click as it was. */
const BITRATES_KBPS = [16, 64] as const;

/** Filling the bursts takes the encoders a moment. */
const STATION_START_MS_MAX = 60_000;

/** The mounts and bit rates in one line, for a reader of the figures. */
export const SHOWS_TEXT: string = `MP3 128k and AAC 96k to Opus ${BITRATES_KBPS.join("k and ")}k`;

/** A station for `count` shows; whoever starts it stops its process. */
export async function startBenchStation(
  count: number,
): Promise<{ process: RunningProcess; shows: BenchShow[] }> {
  const entry = fileURLToPath(new URL("station-process.ts", import.meta.url));
  const station = startProcess(process.execPath, [entry, JSON.stringify(MOUNTS)]);
  const [, port = ""] = await station.waitForLine(/^port (\d+)$/, STATION_START_MS_MAX);
  const shows = Array.from({ length: count }, (_, index) => ({
    name: `show-${index + 1}`,
    url: `http://127.0.0.1:${port}${MOUNTS[index % MOUNTS.length]?.path ?? ""}`,
    bitrateKbps: BITRATES_KBPS[Math.floor(index / MOUNTS.length) % BITRATES_KBPS.length] ?? 0,
  }));
  return { process: station, shows };
}

/** Starts the program's own `record` in a directory. Whoever starts it stops it. */
export async function startRecorder(
  directory: string,
  shows: readonly BenchShow[],
  { nodeArgs = [], env = {} }: { nodeArgs?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): Promise<RunningProcess> {
  const tables = shows.map(
    ({ name, url, bitrateKbps }) => `[[shows]]\nname = "${name}"\nurl = "${url}"\nbitrate = ${bitrateKbps}\n`,
  );
  const config = join(directory, "record.toml");
  writeFileSync(config, `[api]\nport = 0\n${tables.join("")}`);
  const recorder = startProcess(process.execPath, [...nodeArgs, mainPath, "record", "-c", config], { env });
  for (const { name } of shows)
    await recorder.waitForLine(new RegExp(`\\b${name}: recording begins`), 30_000);
  return recorder;
}

/** Where the recorder of a directory keeps a show. */
export function toShowPath(directory: string, { name }: BenchShow): string {
  return join(directory, "recordings", `${name}.sqlite`);
}

/** Starts one plain ffmpeg that does what the recorder of a show does with its sound. Whoever starts it stops it. */
export function startPlainFfmpeg(directory: string, { name, url, bitrateKbps }: BenchShow): RunningProcess {
  const options = `-hide_banner -loglevel error -nostats -nostdin -y -i ${url} -ac 1 -c:a libopus -b:a ${bitrateKbps}k`;
  const output = join(directory, `${name}.opus`);
  return startProcess("ffmpeg", [...options.split(" "), "-application", "audio", output]);
}
