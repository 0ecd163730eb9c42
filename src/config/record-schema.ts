import { z } from "zod";

import { AUDIO_FORMATS, type AudioFormat, whyNotReceiverName, whyNotShowName } from "../core/show.ts";
import { parseByteSize, parseDurationMs } from "./quantity.ts";

/** Speech pauses for less; a shorter time would book every pause as dead air. */
const SILENCE_AFTER_MS_MIN = 2000;

/** More receivers follow no show. */
const RECEIVERS_MAX = 20;

/** Days as they are written, in the order of ISO 8601: Monday is 1. */
export const DAY_NAMES = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

export type DayName = (typeof DAY_NAMES)[number];

/** A window of the schedule as it is written; times are minutes since midnight. */
export type ScheduleFile = { days: DayName[]; start: number; end: number };

/** A show as it is written, with defaults filled in; pads are in milliseconds, sizes in bytes. */
export type ShowFile = {
  name: string;
  url?: string | undefined;
  urls?: string[] | undefined;
  audio_format: AudioFormat;
  bitrate?: number | undefined;
  channels: 1 | 2;
  split_interval: number;
  retention_hours: number;
  timezone: string;
  headers: Record<string, string>;
  pad_before: number;
  pad_after: number;
  silence_after?: number | undefined;
  retention_waits_for: string[];
  max_bytes?: number | undefined;
  min_free_bytes?: number | undefined;
  schedule: ScheduleFile[];
};

/** `record.toml` as it is written, with defaults filled in. */
export type RecordFile = {
  output_dir: string;
  api: { host: string; port: number; token_file?: string | undefined; allow_anonymous: boolean };
  shows: ShowFile[];
};

const duration: z.ZodType<number, string> = z.string().transform((text, context) => {
  const ms = parseDurationMs(text);
  if (ms !== undefined) return ms;
  context.addIssue(`"${text}" is no duration: write it as "90s", "2m" or "1h"`);
  return z.NEVER;
});

const byteSize: z.ZodType<number, string> = z.string().transform((text, context) => {
  const bytes = parseByteSize(text);
  if (bytes !== undefined) return bytes;
  context.addIssue(`"${text}" is no size: write it as "500MB" or "20GB"`);
  return z.NEVER;
});

/** Minutes since midnight. */
const timeOfDay: z.ZodType<number, string> = z.string().transform((text, context) => {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (match !== null) return Number(match[1]) * 60 + Number(match[2]);
  context.addIssue(`"${text}" is no time of day: write it as "09:00", from "00:00" to "23:59"`);
  return z.NEVER;
});

const stationUrl = z.string().superRefine((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return;
  const shown = text.replace(/\/\/.*@/, "//…@");
  context.addIssue(`"${shown}" is no address of a station: it has to begin with http:// or https://`);
});

/** Temporal takes an offset or a whole moment for a zone too; neither has the rules for summer time, nor a name. */
const timezone = z.string().superRefine((text, context) => {
  try {
    Temporal.Now.zonedDateTimeISO(text);
    if (/^[A-Za-z]/.test(text)) return;
  } catch {
    // Told below.
  }
  context.addIssue(`"${text}" is no IANA time zone such as "Europe/Berlin"`);
});

/** A window with its pads stays shorter than the week after which it comes back, and the search for the next one short. */
const PAD_MAX_MS = 86_400_000;

const pad = duration
  .refine((ms) => ms <= PAD_MAX_MS, {
    error: ({ input }) => `a pad of ${Number(input) / 1000} s is too long: a day ("1d") at most`,
  })
  .default(0);

const headers = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "no name of an HTTP header"),
  z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, "no value of an HTTP header"),
);

const scheduleRule: z.ZodType<ScheduleFile> = z.strictObject({
  days: z
    .array(z.enum(DAY_NAMES))
    .min(1)
    .default([...DAY_NAMES]),
  start: timeOfDay,
  end: timeOfDay,
});

const receiverName = z.string().superRefine((name, context) => {
  const reason = whyNotReceiverName(name);
  if (reason !== undefined) context.addIssue(reason);
});

const show: z.ZodType<ShowFile> = z.strictObject({
  name: z.string().superRefine((name, context) => {
    const reason = whyNotShowName(name);
    if (reason !== undefined) context.addIssue(reason);
  }),
  url: stationUrl.optional(),
  urls: z.array(stationUrl).min(1).optional(),
  audio_format: z.enum(AUDIO_FORMATS).default("opus"),
  bitrate: z.int().min(6).max(510).optional(),
  channels: z.literal([1, 2]).default(1),
  split_interval: z.int().min(1).max(3600).default(10),
  retention_hours: z.number().positive().max(1_000_000).default(168),
  timezone: timezone.default("UTC"),
  headers: headers.default({}),
  pad_before: pad,
  pad_after: pad,
  silence_after: duration
    .refine((ms) => ms >= SILENCE_AFTER_MS_MIN, {
      error: ({ input }) =>
        `${String(input)} ms is too short: write "${SILENCE_AFTER_MS_MIN / 1000}s" or more`,
    })
    .optional(),
  retention_waits_for: z.array(receiverName).max(RECEIVERS_MAX).default([]),
  max_bytes: byteSize.optional(),
  min_free_bytes: byteSize.optional(),
  schedule: z.array(scheduleRule).default([]),
});

/** The shape of `record.toml`. Unknown keys are errors. */
export const recordSchema: z.ZodType<RecordFile> = z.strictObject({
  output_dir: z.string().min(1).default("recordings"),
  api: z
    .strictObject({
      host: z.string().min(1).default("127.0.0.1"),
      port: z.int().min(0).max(65_535).default(3000),
      token_file: z.string().min(1).optional(),
      allow_anonymous: z.boolean().default(false),
    })
    .prefault({}),
  shows: z.array(show).min(1),
});
