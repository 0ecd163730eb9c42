/** The last millisecond of the year 9999, and as far back: calendars in browsers know little more. */
export const MOMENT_MS_MAX = 253_402_300_799_999;

/** Something that happened to a show; one row. `data` is a JSON object whose keys depend on `kind`. */
export type ShowEvent = {
  id: number;
  /** The sender's id, in a recipient; `null` for an event of the database's own. */
  sourceId: number | null;
  timestampMs: number;
  kind: string;
  data: string;
};

export type NewShowEvent = { timestampMs: number; kind: string; data: Readonly<Record<string, unknown>> };

/** Why a second inside a schedule was not recorded. */
export type GapReason =
  | "connect-failed"
  | "disconnected"
  | "stalled"
  | "decoder-failed"
  | "frames-lost"
  | "unsupported-format"
  | "disk-full"
  | "disk-failed"
  | "stopped"
  | "suspended"
  | "crashed"
  | "expired-before-sync"
  | "source-replaced";

/** A hole: the audio before it ends at `startMs`, the audio after it begins at `endMs`; Unix milliseconds. */
export type Gap = { startMs: number; endMs: number; reason: GapReason; detail: string };

/** The event that books a hole. */
export function toGapEvent(gap: Gap): NewShowEvent {
  const startMs = Math.round(gap.startMs);
  const data = { start_ms: startMs, end_ms: Math.round(gap.endMs), reason: gap.reason, detail: gap.detail };
  return { timestampMs: startMs, kind: "gap", data };
}
