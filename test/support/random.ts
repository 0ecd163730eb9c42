/**
 * A generator of numbers from 0 to below 1 that gives the same row for the same seed (mulberry32). Without a seed of its
 * own it takes `SEED` from the environment, which repeats a run, or else a new one; tests print the seed that they used.
 */
export function createRandom(
  seed: number = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31)),
): { random: () => number; seed: number } {
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { random, seed };
}
