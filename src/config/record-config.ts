import { isIP } from "node:net";
import { dirname, resolve } from "node:path";

import { AppError } from "../core/app-error.ts";
import { type AudioFormat, SAMPLE_RATE, type ShowFormat } from "../core/show.ts";
import { readToml } from "./read-toml.ts";
import { readToken } from "./read-token.ts";
import { DAY_NAMES, type RecordFile, recordSchema, type ShowFile } from "./record-schema.ts";

/** A window that comes back each week on some days, by the wall clock of the show's time zone. */
export type ScheduleRule = {
  /** Days of the week on which it starts, ISO 8601: Monday is 1. */
  weekdays: readonly number[];
  /** Minutes since midnight. An end that is not after the start is on the next day. */
  startMinute: number;
  endMinute: number;
};

export type ShowConfig = {
  name: string;
  /** Tried in order. */
  urls: readonly string[];
  format: ShowFormat;
  retentionHours: number;
  timezone: string;
  headers: Readonly<Record<string, string>>;
  padBeforeMs: number;
  padAfterMs: number;
  /** How long dead air may last before it is told; `undefined`: it never is. */
  silenceAfterMs?: number | undefined;
  /** For whom, and for how long, what is older than the retention is kept; `undefined`: for nobody. */
  waiting?: RetentionWaiting | undefined;
  /** Empty: around the clock. */
  schedule: readonly ScheduleRule[];
};

/** Receivers that should have a segment before it is deleted, and the caps that win over waiting for them. */
export type RetentionWaiting = {
  receivers: readonly string[];
  /** Of the show's database; `undefined`: it may grow. */
  maxBytes: number | undefined;
  /** Of the disk; `undefined`: waiting ends when it is full. */
  minFreeBytes: number | undefined;
};

export type ApiConfig = {
  host: string;
  port: number;
  /** Every request has to carry it; `undefined`: anybody who can connect may read. */
  token: string | undefined;
};

/** What libopus takes; AAC has no limit of its own below that of the schema. */
const OPUS_KBPS_MAX_PER_CHANNEL = 256;

/** What `record` works by. Plain data: it crosses to the recording thread. */
export type RecordConfig = {
  outputDir: string;
  api: ApiConfig;
  shows: readonly ShowConfig[];
  /** Sentences for the operator about settings that have no effect. */
  notices: readonly string[];
};

const DEFAULT_BITRATE_KBPS_PER_CHANNEL: Readonly<Record<AudioFormat, number>> = {
  opus: 16,
  aac: 32,
  wav: (SAMPLE_RATE * 16) / 1000,
};

/**
 * Reads `record.toml`; a flag wins over the file and the file over the defaults. Relative paths in it start at its own
 * directory. Throws a `config` error that names what is wrong.
 */
export function loadRecordConfig(path: string, flags: { port?: number | undefined } = {}): RecordConfig {
  const file = readToml(path, recordSchema);
  requireDistinctNames(path, file.shows);
  const base = dirname(resolve(path));
  return {
    outputDir: resolve(base, file.output_dir),
    api: toApiConfig(path, { ...file.api, port: flags.port ?? file.api.port }),
    shows: file.shows.map((show) => toShowConfig(path, show)),
    notices: file.shows.flatMap(toNotices),
  };
}

function requireDistinctNames(path: string, shows: readonly ShowFile[]): void {
  const known = new Map<string, string>();
  for (const { name } of shows) {
    const twin = known.get(name.toLowerCase());
    if (twin !== undefined) {
      throw new AppError(
        "config",
        `${path}: the shows "${twin}" and "${name}" need names that differ in more than case`,
      );
    }
    known.set(name.toLowerCase(), name);
  }
}

function toApiConfig(path: string, api: RecordFile["api"]): ApiConfig {
  const token = api.token_file === undefined ? undefined : readToken(resolve(dirname(path), api.token_file));
  if (token === undefined && !api.allow_anonymous && !isLoopback(api.host)) {
    throw new AppError(
      "config",
      `${path}: api.host "${api.host}" can be reached from outside: set api.token_file, or api.allow_anonymous = true`,
    );
  }
  return { host: api.host, port: api.port, token };
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function toShowConfig(path: string, show: ShowFile): ShowConfig {
  const urls = show.urls ?? (show.url === undefined ? [] : [show.url]);
  if (urls.length === 0 || (show.url !== undefined && show.urls !== undefined)) {
    throw new AppError("config", `${path}: the show "${show.name}" needs either url or urls`);
  }
  const opusKbpsMax = OPUS_KBPS_MAX_PER_CHANNEL * show.channels;
  if (show.audio_format === "opus" && (show.bitrate ?? 0) > opusKbpsMax) {
    throw new AppError(
      "config",
      `${path}: the show "${show.name}" has bitrate ${show.bitrate}; opus with channels = ${show.channels} takes ${opusKbpsMax} at most`,
    );
  }
  const defaultKbps = DEFAULT_BITRATE_KBPS_PER_CHANNEL[show.audio_format] * show.channels;
  return {
    name: show.name,
    urls,
    format: {
      audioFormat: show.audio_format,
      bitrateKbps: show.audio_format === "wav" ? defaultKbps : (show.bitrate ?? defaultKbps),
      channels: show.channels,
      splitIntervalSeconds: show.split_interval,
    },
    retentionHours: show.retention_hours,
    timezone: show.timezone,
    headers: show.headers,
    padBeforeMs: show.pad_before,
    padAfterMs: show.pad_after,
    silenceAfterMs: show.silence_after,
    waiting: toWaiting(show),
    schedule: show.schedule.map((rule) => ({
      weekdays: rule.days.map((day) => DAY_NAMES.indexOf(day) + 1),
      startMinute: rule.start,
      endMinute: rule.end,
    })),
  };
}

function toWaiting(show: ShowFile): RetentionWaiting | undefined {
  const receivers = show.retention_waits_for;
  if (receivers.length === 0) return undefined;
  return { receivers, maxBytes: show.max_bytes, minFreeBytes: show.min_free_bytes };
}

function toNotices(show: ShowFile): string[] {
  const notices: string[] = [];
  if (show.retention_waits_for.length === 0) {
    const unused = { max_bytes: show.max_bytes, min_free_bytes: show.min_free_bytes };
    for (const [key, value] of Object.entries(unused)) {
      if (value === undefined) continue;
      notices.push(
        `show "${show.name}": ${key} ends the waiting for receivers, and retention_waits_for names none`,
      );
    }
  }
  if (show.audio_format === "wav" && show.bitrate !== undefined) {
    notices.push(`show "${show.name}": bitrate has no meaning for wav and is not used`);
  }
  return notices;
}
