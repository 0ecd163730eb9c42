import { AppError } from "./app-error.ts";

/** How a show's sound is kept. All formats are kept at 48 kHz. */
export const AUDIO_FORMATS = ["opus", "aac", "wav"] as const;
export type AudioFormat = (typeof AUDIO_FORMATS)[number];

/** The sample rate of everything that is kept, in Hz. */
export const SAMPLE_RATE = 48_000;

/** The shape of a show's sound; fixed for the life of its database. */
export type ShowFormat = {
  audioFormat: AudioFormat;
  /** Of the whole stream, all channels together. */
  bitrateKbps: number;
  channels: 1 | 2;
  splitIntervalSeconds: number;
};

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const RESERVED_NAMES: readonly string[] = ["api", "assets", "metrics", "shows"];

/** Why `name` cannot name a show, or `undefined` when it can. Names become file names and paths of URLs. */
export function whyNotShowName(name: string): string | undefined {
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  if (!NAME_PATTERN.test(name)) {
    return `${shown} is no show name: use 1 to 64 letters, digits, ".", "_" or "-", the first a letter or digit`;
  }
  if (RESERVED_NAMES.includes(name.toLowerCase())) return `the show name ${shown} is reserved`;
  return undefined;
}

/** Why `name` cannot name a receiver, or `undefined` when it can. */
export function whyNotReceiverName(name: string): string | undefined {
  if (NAME_PATTERN.test(name)) return undefined;
  const shown = JSON.stringify(name.slice(0, 80));
  return `${shown} is no name of a receiver: use 1 to 64 letters, digits, ".", "_" or "-", the first a letter or digit`;
}

/** Returns `name`, or throws a `usage` error that tells why it is none. */
export function parseShowName(name: string): string {
  const reason = whyNotShowName(name);
  if (reason !== undefined) throw new AppError("usage", reason);
  return name;
}
