import { randomInt } from "node:crypto";

import { AppError } from "../core/app-error.ts";
import { AUDIO_FORMATS, type AudioFormat, SAMPLE_RATE, type ShowFormat } from "../core/show.ts";

/** The version of the schema that this program reads and writes. */
export const SCHEMA_VERSION = "1";

/** The key of `ShowMetadata.idOffsets`; absent until a sender was replaced. */
export const ID_OFFSETS_KEY = "source_id_offsets";

/** The rows of `metadata` as they are stored: text by key. */
export type MetadataText = Readonly<Record<string, string>>;

/** What `metadata` says of a show. */
export type ShowMetadata = {
  version: string;
  uniqueId: string;
  name: string;
  format: ShowFormat;
  sampleRate: number;
  timezone: string;
  isRecipient: boolean;
  /** In a recipient, what was added to the ids of each sender that took the place of another; ascending. See `RecipientState`. */
  idOffsets: readonly number[];
  /** The rows that this was read from. */
  text: MetadataText;
};

const ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 12;

/** A name for a new database that no other has: `db_` and twelve lower-case letters or digits. */
export function createUniqueId(): string {
  const chars = Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]);
  return `db_${chars.join("")}`;
}

/** The metadata of a new sender database. */
export function toSenderMetadata(show: { name: string; format: ShowFormat; timezone: string }): MetadataText {
  return {
    version: SCHEMA_VERSION,
    unique_id: createUniqueId(),
    name: show.name,
    audio_format: show.format.audioFormat,
    split_interval: String(show.format.splitIntervalSeconds),
    bitrate: String(show.format.bitrateKbps),
    sample_rate: String(SAMPLE_RATE),
    channels: String(show.format.channels),
    timezone: show.timezone,
    is_recipient: "false",
  };
}

/** Reads stored metadata. `path` is named in the `not-a-database` error that a missing or senseless key leads to. */
export function parseShowMetadata(text: MetadataText, path: string): ShowMetadata {
  const read = (key: string): string => {
    const value = text[key];
    if (value === undefined) throw new AppError("not-a-database", `${path} has no "${key}" in its metadata`);
    return value;
  };
  const version = read("version");
  if (version !== SCHEMA_VERSION) {
    throw new AppError(
      "mismatch",
      `${path} has version "${version}"; this program reads version "${SCHEMA_VERSION}"`,
    );
  }
  return {
    version,
    uniqueId: read("unique_id"),
    name: read("name"),
    format: {
      audioFormat: toAudioFormat(read("audio_format"), path),
      splitIntervalSeconds: Number(read("split_interval")),
      bitrateKbps: Number(read("bitrate")),
      channels: text["channels"] === "2" ? 2 : 1,
    },
    sampleRate: Number(read("sample_rate")),
    timezone: text["timezone"] ?? "UTC",
    isRecipient: read("is_recipient") === "true",
    idOffsets: (text[ID_OFFSETS_KEY] ?? "").split(" ").filter(Boolean).map(Number),
    text,
  };
}

function toAudioFormat(value: string, path: string): AudioFormat {
  const format = AUDIO_FORMATS.find((known) => known === value);
  if (format === undefined) throw new AppError("mismatch", `${path} has the unknown audio_format "${value}"`);
  return format;
}
