/** The first frames of a connection may be false ones: it begins in the middle of a frame. */
const FALSE_FRAMES_MAX = 2;

/** Fewer different frames than this may be the same by chance, as those of silence are. */
const DIFFERENT_FRAMES_MIN = 4;

/** Pages of Ogg are numbered, and so never the same by chance. */
const DIFFERENT_PAGES_MIN = 1;

export type JoinSearch = {
  /** Frames that were heard before, oldest first. */
  held: readonly Uint8Array[];
  /** The first frames of the new connection. */
  fresh: readonly Uint8Array[];
  /** How many of the fresh frames should be new by the time that has passed. */
  newFramesExpected: number;
  /** How far from that a match may be that the frames alone do not prove. */
  toleranceFrames: number;
  /** Whether the frames are pages of Ogg. */
  arePages: boolean;
};

/**
 * Where the fresh frames go on after the held ones.
 *
 * - `certain`: all frames that both have are equal, and enough of them differ from each other, in one way only. A few frames of silence
 *   that are equal in another way are so by chance.
 * - `likely`: the match that is nearest to the time away; several would do, or the frames are too alike, as in silence.
 * - `open`: more frames may decide it.
 * - `late`: by the time away there should be more new frames than there are, even if all but the first were new. Unless more of a
 *   burst comes, the connection begins after the held frames end, and what is alike is so by chance.
 * - `none`: the new connection begins after the held frames end, or is another stream.
 *
 * `skip` is the number of fresh frames that are already held.
 */
export type Join = { kind: "certain" | "likely"; skip: number } | { kind: "open" | "late" | "none" };

export function findJoin(search: JoinSearch): Join {
  const { newFramesExpected, toleranceFrames } = search;
  const differentMin = search.arePages ? DIFFERENT_PAGES_MIN : DIFFERENT_FRAMES_MIN;
  const [held, fresh] = toNumbers(search.held, search.fresh);
  const [different, freshDifferent] = [countDifferentFrom(held), countDifferentFrom(fresh)];
  const skips = new Set<number>();
  const proved = new Set<number>();
  let isOpen = false;
  let isNearlyProved = false;
  for (const start of toStarts(held, fresh)) {
    const overlap = toOverlapFrames(held, fresh, start);
    if (overlap === "open") {
      isOpen = true;
      isNearlyProved ||= (freshDifferent[start.freshStart] ?? 0) >= differentMin;
    }
    if (typeof overlap !== "number") continue;
    skips.add(start.freshStart + overlap);
    if ((different[start.heldStart] ?? 0) >= differentMin) proved.add(start.freshStart + overlap);
  }
  if (skips.size === 0) return { kind: isOpen || fresh.length === 0 ? "open" : "none" };
  const [only] = proved;
  if (proved.size === 1 && only !== undefined && !isOpen) return { kind: "certain", skip: only };
  const distance = (skip: number): number => Math.abs(fresh.length - skip - newFramesExpected);
  const [nearest] = [...skips].sort((a, b) => distance(a) - distance(b));
  if (nearest === undefined || distance(nearest) > toleranceFrames) {
    const isLate = !isNearlyProved && fresh.length + toleranceFrames < newFramesExpected;
    return { kind: isLate ? "late" : "open" };
  }
  return { kind: "likely", skip: nearest };
}

/**
 * The frames as numbers, equal for equal frames. In dead air thousands of frames are equal, and each may be the one with which an
 * overlap begins: millions of comparisons, which must not hold up the other shows.
 */
function toNumbers(held: readonly Uint8Array[], fresh: readonly Uint8Array[]): [number[], number[]] {
  const numbers = new Map<string, number>();
  const toNumber = (frame: Uint8Array): number => {
    const key = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString("latin1");
    const known = numbers.get(key) ?? numbers.size;
    numbers.set(key, known);
    return known;
  };
  return [held.map(toNumber), fresh.map(toNumber)];
}

/** How many different frames there are from each one on. */
function countDifferentFrom(frames: readonly number[]): number[] {
  const seen = new Set<number>();
  const counts: number[] = [];
  for (let index = frames.length - 1; index >= 0; index--) {
    seen.add(frames[index] ?? 0);
    counts[index] = seen.size;
  }
  return counts;
}

type Start = { heldStart: number; freshStart: number };

/** Where an overlap can begin: with one of the first fresh frames, or with the oldest held one. */
function* toStarts(held: readonly number[], fresh: readonly number[]): Generator<Start> {
  for (let freshStart = 0; freshStart <= Math.min(FALSE_FRAMES_MAX, fresh.length - 1); freshStart++) {
    for (let heldStart = 0; heldStart < held.length; heldStart++) {
      if (held[heldStart] === fresh[freshStart]) yield { heldStart, freshStart };
    }
  }
  if (held.length === 0) return;
  for (let freshStart = FALSE_FRAMES_MAX + 1; freshStart < fresh.length; freshStart++) {
    if (held[0] === fresh[freshStart]) yield { heldStart: 0, freshStart };
  }
}

/** How many frames both have, `open` while the fresh ones do not reach the end of the held ones, or `undefined` when they differ. */
function toOverlapFrames(
  held: readonly number[],
  fresh: readonly number[],
  { heldStart, freshStart }: Start,
): number | "open" | undefined {
  const length = Math.min(held.length - heldStart, fresh.length - freshStart);
  for (let index = 0; index < length; index++) {
    if (held[heldStart + index] !== fresh[freshStart + index]) return undefined;
  }
  return fresh.length - freshStart < held.length - heldStart ? "open" : length;
}
