import type { ConnectionRecord } from "./deliveries.ts";

/** A clock by which a recording may tell the time: how far it is ahead of the truth, and how far the record may be off. */
export type TimeReference = { errorMs: number; toleranceMs: number };

/** SPEC 7: at every second, over days too. */
export const ERROR_MS_MAX = 250;

/** A `Date` counts whole seconds. */
export const DATE_ROUNDING_MS = 500;

/** Within this much of its `Date`, a server's clock and the machine's agree, and the machine's is the finer one. */
const AGREE_MS = 2000;

/** Near the limit either may be taken: the rounding and the way through the network decide. */
const UNDECIDED_MS = 1000;

/**
 * The clocks that a session may go by which began with a connection. A server's clock that is off by whole minutes can be
 * known exactly, as the machine's own clock has the seconds; any other only as far as `Date` tells it.
 */
export function toReferences({ wallErrorMs, dateErrorMs }: ConnectionRecord): TimeReference[] {
  const machine = { errorMs: wallErrorMs, toleranceMs: ERROR_MS_MAX };
  if (dateErrorMs === undefined) return [machine];
  const differenceMs = dateErrorMs - wallErrorMs;
  const isWhole = Math.abs(differenceMs - Math.round(differenceMs / 60_000) * 60_000) < 1;
  const server = { errorMs: dateErrorMs, toleranceMs: ERROR_MS_MAX + (isWhole ? 0 : DATE_ROUNDING_MS) };
  if (Math.abs(differenceMs) < AGREE_MS - UNDECIDED_MS) return [machine];
  if (Math.abs(differenceMs) > AGREE_MS + UNDECIDED_MS) return [server];
  return [machine, server];
}

/** How far an archive is ahead of a machine whose clock is right, when a server's clock is off by `dateErrorMs`. */
export function toArchiveAheadMs(dateErrorMs: number | undefined): number {
  return dateErrorMs !== undefined && Math.abs(dateErrorMs) > AGREE_MS + UNDECIDED_MS ? dateErrorMs : 0;
}
