import { AppError } from "../core/app-error.ts";
import { AUDIO_FORMATS } from "../core/show.ts";
import type { SegmentHead } from "../core/segment.ts";
import type { RecipientState } from "../store/recipient-writer.ts";
import { createUniqueId, type MetadataText, SCHEMA_VERSION } from "../store/show-metadata.ts";
import type { WireDigest, WireMetadata } from "./wire.ts";

/** Keys that a recipient holds under the same name as its sender. */
const SAME_KEYS = ["audio_format", "split_interval", "bitrate", "sample_rate", "version"] as const;

/** What to do when the sender is another than before, or not what it was. */
const REPLACE_HINT = "; if it was built anew, --replace-source goes on with it";

/** Throws `mismatch` when the sender's answer is about another show or a version that this program cannot keep. */
export function requireUsable(name: string, sender: WireMetadata): void {
  if (sender.name !== name) throw toMismatch(name, "name", { held: name, theirs: sender.name });
  if (sender.version !== SCHEMA_VERSION) {
    throw toMismatch(name, "version", { held: SCHEMA_VERSION, theirs: sender.version });
  }
  if (sender.is_recipient) throw toMismatch(name, "is_recipient", { held: "false", theirs: "true" });
  if (!AUDIO_FORMATS.some((format) => format === sender.audio_format)) {
    throw toMismatch(name, "audio_format", { held: AUDIO_FORMATS.join(" or "), theirs: sender.audio_format });
  }
  for (const key of ["split_interval", "bitrate", "sample_rate"] as const) {
    if (Number(sender[key]) > 0 && Number(sender[key]) < Infinity) continue;
    throw new AppError(
      "mismatch",
      `${name}: ${key} is "${sender[key]}" at the sender, where a number belongs`,
    );
  }
  const { min_id: minId, max_id: maxId, last_id: lastId = maxId } = sender;
  if (minId <= maxId && maxId <= lastId) return;
  throw new AppError(
    "mismatch",
    `${name}: the sender says min_id ${minId}, max_id ${maxId}, last_id ${lastId}, which cannot be`,
  );
}

/** Throws `mismatch` with the first key in which a recipient and its sender do not agree. */
export function requireSameSource(name: string, held: MetadataText, sender: WireMetadata): void {
  const { source_unique_id: source = "" } = held;
  if (source !== sender.unique_id) {
    const values = { held: source, theirs: sender.unique_id };
    throw toMismatch(name, "source_unique_id", values, REPLACE_HINT);
  }
  requireSameFormat(name, held, sender);
}

/** The same for all that the next sender of a show must have in common with the last one. Who tells no channels has one. */
export function requireSameSound(name: string, held: MetadataText, sender: WireMetadata): void {
  requireSameFormat(name, held, sender);
  const [ours = "1", theirs = "1"] = [held["channels"], sender.channels];
  if (ours !== theirs) throw toMismatch(name, "channels", { held: ours, theirs });
}

function requireSameFormat(name: string, held: MetadataText, sender: WireMetadata): void {
  for (const key of SAME_KEYS) {
    if (held[key] !== sender[key])
      throw toMismatch(name, key, { held: held[key] ?? "", theirs: sender[key] });
  }
}

/** Throws `mismatch` when the sender has been set back behind what was already pulled from it. */
export function requireNotBehind(name: string, state: RecipientState, sender: WireMetadata): void {
  const lastId = sender.last_id ?? (sender.max_id === 0 ? undefined : sender.max_id);
  if (lastId === undefined || lastId >= state.lastSyncedId) return;
  throw new AppError(
    "mismatch",
    `${name}: the recipient has segments up to ${state.lastSyncedId}, the sender only ever had ${lastId}: it was replaced or restored from an older copy${REPLACE_HINT}`,
  );
}

/** Throws `mismatch` when the sender has other audio under its id of the last row held; it may have deleted that row. */
export function requireSameRow(
  name: string,
  held: Pick<SegmentHead, "id" | "crc32">,
  digests: readonly WireDigest[],
): void {
  const theirs = digests.find((digest) => digest.id === held.id);
  if (theirs === undefined || theirs.crc32 === held.crc32) return;
  throw new AppError(
    "mismatch",
    `${name}: segment ${held.id} has the CRC ${held.crc32} here and ${theirs.crc32} at the sender: it was replaced or restored from an older copy${REPLACE_HINT}`,
  );
}

/** The metadata of a new recipient of `sender`. */
export function toRecipientMetadata(sender: WireMetadata): MetadataText {
  return {
    version: sender.version,
    unique_id: createUniqueId(),
    name: sender.name,
    audio_format: sender.audio_format,
    split_interval: sender.split_interval,
    bitrate: sender.bitrate,
    sample_rate: sender.sample_rate,
    ...(sender.channels === undefined ? {} : { channels: sender.channels }),
    ...(sender.timezone === undefined ? {} : { timezone: sender.timezone }),
    is_recipient: "true",
    source_unique_id: sender.unique_id,
  };
}

/** Where a new recipient begins: what its sender deleted before is no hole. */
export function toFirstState(sender: WireMetadata): RecipientState {
  const firstId = sender.max_id === 0 ? (sender.last_id ?? 0) + 1 : sender.min_id;
  return { lastSyncedId: Math.max(0, firstId - 1), lastSyncedEventId: 0, idOffset: 0 };
}

function toMismatch(
  name: string,
  key: string,
  values: { held: string; theirs: string },
  hint: string = "",
): AppError {
  return new AppError(
    "mismatch",
    `${name}: ${key} is "${values.held}" here and "${values.theirs}" at the sender; sync into another directory to keep both${hint}`,
  );
}
