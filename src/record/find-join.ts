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
 * - `certain`: all frames that both have are equal, in one way only, and enough of them differ from each other.
 * - `likely`: the match that is nearest to the time away; several would do, or the frames are too alike, as in silence.
 * - `open`: more frames may decide it.
 * - `none`: the new connection begins after the held frames end, or is another stream.
 *
 * `skip` is the number of fresh frames that are already held.
 */
export type Join = { kind: "certain" | "likely"; skip: number } | { kind: "open" | "none" };

export function findJoin(search: JoinSearch): Join {
  const { held, fresh, newFramesExpected, toleranceFrames } = search;
  const differentMin = search.arePages ? DIFFERENT_PAGES_MIN : DIFFERENT_FRAMES_MIN;
  const skips = new Set<number>();
  let isOpen = false;
  let differing = 0;
  for (const { heldStart, freshStart } of toStarts(held, fresh)) {
    const overlap = toOverlap(held.slice(heldStart), fresh.slice(freshStart));
    if (overlap === "open") isOpen = true;
    if (!Array.isArray(overlap)) continue;
    skips.add(freshStart + overlap.length);
    differing = Math.max(differing, countDifferent(overlap));
  }
  if (skips.size === 0) return { kind: isOpen || fresh.length === 0 ? "open" : "none" };
  const [only] = skips;
  if (skips.size === 1 && only !== undefined && !isOpen && differing >= differentMin) {
    return { kind: "certain", skip: only };
  }
  const distance = (skip: number): number => Math.abs(fresh.length - skip - newFramesExpected);
  const [nearest] = [...skips].sort((a, b) => distance(a) - distance(b));
  if (nearest === undefined || distance(nearest) > toleranceFrames) return { kind: "open" };
  return { kind: "likely", skip: nearest };
}

type Start = { heldStart: number; freshStart: number };

/** Where an overlap can begin: with one of the first fresh frames, or with the oldest held one. */
function* toStarts(held: readonly Uint8Array[], fresh: readonly Uint8Array[]): Generator<Start> {
  for (let freshStart = 0; freshStart <= Math.min(FALSE_FRAMES_MAX, fresh.length - 1); freshStart++) {
    for (let heldStart = 0; heldStart < held.length; heldStart++) {
      if (isEqual(held[heldStart], fresh[freshStart])) yield { heldStart, freshStart };
    }
  }
  for (let freshStart = FALSE_FRAMES_MAX + 1; freshStart < fresh.length; freshStart++) {
    if (isEqual(held[0], fresh[freshStart])) yield { heldStart: 0, freshStart };
  }
}

/** The frames that both have, `open` while the fresh ones do not reach the end of the held ones, or `undefined` when they differ. */
function toOverlap(
  held: readonly Uint8Array[],
  fresh: readonly Uint8Array[],
): readonly Uint8Array[] | "open" | undefined {
  const length = Math.min(held.length, fresh.length);
  for (let index = 0; index < length; index++) {
    if (!isEqual(held[index], fresh[index])) return undefined;
  }
  return fresh.length < held.length ? "open" : held;
}

/** Counts different frames, as far as it matters. */
function countDifferent(frames: readonly Uint8Array[]): number {
  const different: Uint8Array[] = [];
  for (const frame of frames) {
    if (different.length >= DIFFERENT_FRAMES_MIN) break;
    if (!different.some((known) => isEqual(known, frame))) different.push(frame);
  }
  return different.length;
}

function isEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}
