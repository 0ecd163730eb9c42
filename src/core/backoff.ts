/** Delays between attempts, in milliseconds. */
export type Backoff = { firstMs: number; maxMs: number };

/**
 * The delay before attempt `failures + 1`: doubling from `firstMs` up to `maxMs`, each drawn at random from its upper
 * half, so that many clients of one dead server do not come back together.
 */
export function toBackoffMs(backoff: Backoff, failures: number, random: () => number): number {
  const full = Math.min(backoff.maxMs, backoff.firstMs * 2 ** failures);
  return full * (0.5 + random() / 2);
}
