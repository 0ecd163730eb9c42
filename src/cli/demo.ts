import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Command } from "commander";

import { requireFfmpeg } from "../audio/ffmpeg.ts";
import type { ShowConfig } from "../config/record-config.ts";
import { AppError } from "../core/app-error.ts";
import type { Log } from "../core/log.ts";
import { createApp } from "../http/app.ts";
import { HttpServer } from "../http/server.ts";
import { toDatabasePath } from "../record/supervisor.ts";
import { type Station, startStation } from "../station/station.ts";
import { Receivers } from "../store/receivers.ts";
import { SqliteLibrary } from "../store/library.ts";
import { SqliteRecipientStore } from "../store/sqlite-recipient-writer.ts";
import { ShowWriter } from "../store/sqlite-show-writer.ts";
import type { SyncSummary } from "../sync/sync-show.ts";
import { syncShows } from "../sync/sync-pass.ts";
import { measureShow } from "./demo-measure.ts";
import { createLogger } from "./logger.ts";
import { toWholeNumber } from "./options.ts";
import { RecordingThread } from "./recording-thread.ts";
import { createSenderClient } from "./sender.ts";
import { untilAborted } from "./stop-signals.ts";

const SYNC_INTERVAL_MS = 3000;
const SECONDS_MIN = 5;
const SECONDS_MAX = 3600;

/** Short, so that a first segment is there to be listened to within seconds. */
const SPLIT_INTERVAL_SECONDS = 2;

const MOUNTS = [
  {
    path: "/one.mp3",
    format: "mp3",
    bitrateKbps: 128,
    sampleRate: 44_100,
    channels: 2,
    title: "Tone clock, MP3",
  },
  {
    path: "/two.aac",
    format: "aac",
    bitrateKbps: 96,
    sampleRate: 48_000,
    channels: 2,
    title: "Tone clock, AAC",
  },
] as const;

const SHOW_NAMES = ["one", "two"] as const;

export function addDemoCommand(program: Command, signal: AbortSignal): void {
  program
    .command("demo")
    .description("a station, a recorder, a sync and a player on this machine, with nothing to configure")
    .option(
      "--seconds <count>",
      "stop by itself after so long, check what was recorded, and say how good it is",
      toWholeNumber(SECONDS_MIN, SECONDS_MAX),
    )
    .action(async (options: { seconds?: number }) => {
      await requireFfmpeg();
      const directory = mkdtempSync(join(tmpdir(), "save_audio_stream-demo-"));
      try {
        await runDemo(directory, options.seconds, signal);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
}

async function runDemo(directory: string, seconds: number | undefined, signal: AbortSignal): Promise<void> {
  const log = createLogger();
  say("starting a radio station of our own: it plays the time, a new pitch each second ...");
  await using station = await startStation({ mounts: MOUNTS });
  const senderDir = join(directory, "sender");
  const archiveDir = join(directory, "archive");
  mkdirSync(senderDir);
  mkdirSync(archiveDir);
  const shows = SHOW_NAMES.map((name, index) => toShow(name, station, MOUNTS[index]?.path ?? ""));
  for (const show of shows) ShowWriter.open(toDatabasePath(senderDir, show), show)[Symbol.dispose]();
  await using sender = await HttpServer.listen("127.0.0.1", 0);
  await using player = await HttpServer.listen("127.0.0.1", 0);
  const recorder = new RecordingThread({ outputDir: senderDir, shows });
  serve(sender, { directory: senderDir, log, recorder });
  serve(player, { directory: archiveDir, log });
  say(`recording "${SHOW_NAMES.join('" and "')}" from ${station.url(MOUNTS[0].path)} and beside it`);
  say(`the sender answers at    ${sender.url}/api/sync/shows`);
  say(`listen to the copies at  ${player.url}   (after a few seconds)`);
  say(seconds === undefined ? "Ctrl-C ends it" : `this goes on for ${seconds} s`);
  try {
    await keepSyncing({ sender, archiveDir }, seconds, signal);
  } finally {
    await recorder.stop();
  }
  if (seconds === undefined || signal.aborted) return;
  await syncOnce({ sender, archiveDir }, signal);
  await judge(archiveDir, seconds, signal);
}

type Link = { sender: HttpServer; archiveDir: string };

async function keepSyncing(link: Link, seconds: number | undefined, signal: AbortSignal): Promise<void> {
  const end = seconds === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
  while (!end.aborted) {
    await untilAborted(AbortSignal.any([end, AbortSignal.timeout(SYNC_INTERVAL_MS)]));
    if (!end.aborted) await syncOnce(link, signal);
  }
}

async function syncOnce({ sender, archiveDir }: Link, signal: AbortSignal): Promise<void> {
  const summaries: SyncSummary[] = [];
  const setting = {
    client: createSenderClient(new URL(sender.url), undefined),
    store: new SqliteRecipientStore(archiveDir),
    chunkSize: 100,
    receiver: "demo",
    onProgress: () => undefined,
    onShow: (summary: SyncSummary) => void summaries.push(summary),
  };
  try {
    await syncShows(SHOW_NAMES, setting, signal);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  const counts = summaries.map((summary) => `${summary.name} +${summary.segments}`).join(", ");
  say(`synced: ${counts} segments`);
}

/** Checks and measures the copies; throws when they are not what was on the air. */
async function judge(archiveDir: string, seconds: number, signal: AbortSignal): Promise<void> {
  const library = new SqliteLibrary([archiveDir]);
  const verdicts = [];
  for (const name of SHOW_NAMES) {
    await using reader = await library.open(name);
    verdicts.push({ name, ...(await measureShow(reader, signal)) });
  }
  const text = verdicts.map((verdict) => `${verdict.name}: ${verdict.text}`).join("; ");
  const isGood = verdicts.every((verdict) => verdict.isGood && verdict.heardSeconds >= seconds - 4);
  if (!isGood) throw new AppError("corrupt", `the demo is not as it should be: ${text}`);
  process.stdout.write(`demo passed: ${text}\n`);
}

function serve(
  server: HttpServer,
  { directory, log, recorder }: { directory: string; log: Log; recorder?: RecordingThread },
): void {
  const library = new SqliteLibrary([directory]);
  const receivers = recorder === undefined ? undefined : new Receivers(directory);
  const health = (): ReturnType<RecordingThread["health"]> => recorder?.health() ?? [];
  server.serve(createApp({ library, log, token: undefined, health, receivers }));
}

function toShow(name: string, station: Station, path: string): ShowConfig {
  return {
    name,
    urls: [station.url(path)],
    format: {
      audioFormat: "opus",
      bitrateKbps: 32,
      channels: 1,
      splitIntervalSeconds: SPLIT_INTERVAL_SECONDS,
    },
    retentionHours: 168,
    timezone: Temporal.Now.timeZoneId(),
    headers: {},
    padBeforeMs: 0,
    padAfterMs: 0,
    schedule: [],
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
