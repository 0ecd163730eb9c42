import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";

import type { ShowSummary, Timeline } from "../src/playback/api-answers.ts";

const DAY_MS = 86_400_000;

/** What is asked for again and again while a show is growing, and what one more step into its past asks for. */
const NEWEST_MS: number = DAY_MS;
const EARLIER_MS: number = 7 * DAY_MS;

/** What the page has read of one show. Parts are newest first; only the first is ever read again. */
export type ShowView = {
  name: string;
  /** The show's last moment when the newest part was read. */
  lastMs: number;
  newestFromMs: number;
  earliestMs: number;
  parts: readonly Timeline[];
};

/** Reads one of the server's JSON answers; throws what is worth telling. */
export type ReadJson = <T>(path: string, abort: AbortSignal) => Promise<T>;

/** What the page knows of the server. */
export type Archive = {
  /** `undefined` until the first answer. */
  shows: ReadonlySignal<readonly ShowSummary[] | undefined>;
  /** The name in the page's address; `undefined`: whichever show is the first. */
  wanted: Signal<string | undefined>;
  chosen: ReadonlySignal<ShowSummary | undefined>;
  /** Of the chosen show or of the one before it; `undefined` until there is something to see. */
  view: ReadonlySignal<ShowView | undefined>;
  refresh: (abort: AbortSignal) => Promise<void>;
  readEarlier: (abort: AbortSignal) => Promise<void>;
};

export function createArchive(readJson: ReadJson): Archive {
  const shows = signal<readonly ShowSummary[] | undefined>(undefined);
  const wanted = signal<string | undefined>(undefined);
  const view = signal<ShowView | undefined>(undefined);
  const chosen = computed(() =>
    shows.value?.find((show) => wanted.value === undefined || show.name === wanted.value),
  );

  /** What is there of a show by now; asked again after each wait, since something may have been added meanwhile. */
  const toViewOf = (name: string): ShowView | undefined =>
    view.value?.name === name ? view.value : undefined;

  /** A timeline that is too long for one answer comes in several, each from where the one before ends. */
  async function readTimeline(
    name: string,
    fromMs: number,
    toMs: number,
    abort: AbortSignal,
  ): Promise<Timeline> {
    const pages: Timeline[] = [];
    let completeToMs = fromMs;
    while (completeToMs < toMs) {
      const path = `/api/shows/${encodeURIComponent(name)}/timeline?from=${completeToMs}&to=${toMs}`;
      const page = await readJson<Timeline>(path, abort);
      abort.throwIfAborted();
      pages.push(page);
      completeToMs = page.complete_to_ms;
    }
    return {
      sessions: pages.flatMap((page) => page.sessions),
      gaps: pages.flatMap((page) => page.gaps),
      titles: pages.flatMap((page) => page.titles),
      complete_to_ms: completeToMs,
    };
  }

  async function refresh(abort: AbortSignal): Promise<void> {
    const answer = await readJson<{ shows: ShowSummary[] }>("/api/shows", abort);
    abort.throwIfAborted();
    shows.value = answer.shows;
    const { name, last_ms: lastMs } = chosen.value ?? { name: "", last_ms: null };
    if (lastMs === null) {
      view.value = undefined;
      return;
    }
    const before = toViewOf(name);
    if (before?.lastMs === lastMs) return;
    const newestFromMs = before?.newestFromMs ?? lastMs - NEWEST_MS;
    const newest = await readTimeline(name, newestFromMs, toFutureMs(lastMs), abort);
    const { earliestMs, parts } = toViewOf(name) ?? { earliestMs: newestFromMs, parts: [] };
    view.value = { name, lastMs, newestFromMs, earliestMs, parts: [newest, ...parts.slice(1)] };
    if (before === undefined) await readEarlier(abort);
  }

  async function readEarlier(abort: AbortSignal): Promise<void> {
    const before = view.value;
    if (before === undefined) return;
    const earliestMs = before.earliestMs - EARLIER_MS;
    const part = await readTimeline(before.name, earliestMs, before.earliestMs, abort);
    const now = toViewOf(before.name);
    if (now?.earliestMs !== before.earliestMs) return;
    view.value = { ...now, earliestMs, parts: [...now.parts, part] };
  }

  return { shows, wanted, chosen, view, refresh, readEarlier };
}

/** Gaps can be booked behind the last sound, and a clock of the reader's that is slow must not hide anything. */
function toFutureMs(lastMs: number): number {
  return Math.max(lastMs, Date.now()) + DAY_MS;
}

/** Where a stretch of a show can be heard. */
export function toAudioUrl(name: string, { startMs, endMs }: { startMs: number; endMs: number }): string {
  return `/api/shows/${encodeURIComponent(name)}/audio.opus?from=${startMs}&to=${endMs}`;
}
