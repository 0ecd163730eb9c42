import { AppError } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import { type Backoff, toBackoffMs } from "../core/backoff.ts";
import { type OpenStation, openStation } from "./open-station.ts";
import type { RecordingSetting } from "./recording-setting.ts";
import { type RecordingResult, type RecordingStart, runRecording } from "./run-recording.ts";
import { type Ending, toText } from "./ending.ts";
import type { Heard } from "./station-stream.ts";

/** Some stations block addresses that hammer them. */
const RECONNECT: Backoff = { firstMs: 100, maxMs: 30_000 };

/**
 * A station that held for this long is well again: the next failure starts the back-off anew. As much sound at once is no
 * proof: a file that is served in place of a stream ends and would be fetched again and again.
 */
const WELL_AFTER_SECONDS = 10;

/** After so many short recordings in a row, a connection that is open already is no reason to go on without a pause. */
const SHORT_IN_ROW_MAX = 3;

/** While a fallback is heard, the first address is tried this often. */
const TRY_FIRST_EVERY_MS = 60_000;

export type KeepParts = Omit<RecordingSetting, "url"> & {
  /** Told when nothing comes, before the pause until the next attempt. */
  onPause: (ending: Ending) => void;
  /** Resolves when a disk that was full has room again. */
  waitForRoom: (signal: AbortSignal) => Promise<void>;
};

/**
 * One recording after the other until `signal` aborts, with growing pauses while nothing comes. The addresses of a show are
 * tried in order; while a later one is heard, the first is tried again and again, and taken when it has proved to be well.
 */
export async function keepRecording(parts: KeepParts, signal: AbortSignal): Promise<void> {
  const { show, clock, log } = parts;
  let failures = 0;
  let shortInRow = 0;
  let urlIndex = 0;
  let next: OpenStation | undefined;
  let soundEndMs: number | undefined;
  while (!signal.aborted) {
    if (parts.room.ballast.isReleased) {
      next?.stream.close();
      next = undefined;
      await parts.waitForRoom(signal);
      if (signal.aborted) break;
    }
    const startMs = clock.monotonicMs();
    const setting = { ...parts, url: show.urls[urlIndex] ?? "" };
    const { result, first } = await recordFrom(setting, { urlIndex, opened: next, soundEndMs }, signal);
    soundEndMs = result.endMonotonicMs ?? soundEndMs;
    const heldSeconds = Math.min(result.heardSeconds, (clock.monotonicMs() - startMs) / 1000);
    const isWell = heldSeconds >= WELL_AFTER_SECONDS;
    failures = isWell || first !== undefined ? 0 : failures + 1;
    // Attempts that brought nothing are no reason to give up a connection that is open.
    if (failures === 0) shortInRow = 0;
    else if (result.heardSeconds > 0) shortInRow++;
    parts.gaps.open({ startMs: result.endMs ?? clock.nowMs(), ...result.ending });
    next = first ?? result.next;
    if (result.ending.reason === "disk-full") parts.room.ballast.release();
    if (signal.aborted) break;
    if (first !== undefined) urlIndex = 0;
    if (next !== undefined && shortInRow <= SHORT_IN_ROW_MAX) {
      log.warn(`${toText(result.ending)}; connected again, but not where it broke off`);
      continue;
    }
    next?.stream.close();
    next = undefined;
    // That was not the station's fault; only a disk that is full again and again is a reason for a pause.
    if (result.ending.reason === "disk-full" && isWell) continue;
    urlIndex = isWell ? 0 : (urlIndex + 1) % show.urls.length;
    const delayMs = toBackoffMs(RECONNECT, Math.max(0, failures - 1), parts.random);
    parts.onPause(result.ending);
    log.warn(`${toText(result.ending)}; next attempt in ${(delayMs / 1000).toFixed(1)} s`);
    await clock.sleep(delayMs, signal);
  }
  next?.stream.close();
}

type From = RecordingStart & { urlIndex: number };

/** Records from one address; from a fallback only until the first one is well, whose connection is then `first`. */
async function recordFrom(
  setting: RecordingSetting,
  { urlIndex, ...start }: From,
  signal: AbortSignal,
): Promise<{ result: RecordingResult; first: OpenStation | undefined }> {
  if (urlIndex === 0) return { result: await runRecording(setting, start, signal), first: undefined };
  // The recording ends when the first address is well; a connection that it leaves behind is not to end with the trying.
  const [well, over] = [new AbortController(), new AbortController()];
  const trying = tryFirst(setting, AbortSignal.any([signal, over.signal]), signal);
  // It is awaited below; a recording that goes on meanwhile is no reason to take its error for one that nobody looks at.
  trying.then(
    (first) => first === undefined || well.abort(),
    () => well.abort(),
  );
  const result = await runRecording(setting, start, AbortSignal.any([signal, well.signal]));
  over.abort();
  const first = await trying;
  if (first === undefined || result.ending.reason !== "stopped") return { result, first };
  const ending: Ending = { reason: "disconnected", detail: "the first address is well again" };
  return { result: { ...result, ending }, first };
}

/** Connects to the first address as soon as that is possible and it is well; `undefined` when `over` aborts before. */
async function tryFirst(
  setting: RecordingSetting,
  over: AbortSignal,
  signal: AbortSignal,
): Promise<OpenStation | undefined> {
  const url = setting.show.urls[0] ?? "";
  for (;;) {
    await setting.clock.sleep(TRY_FIRST_EVERY_MS, over);
    if (over.aborted) return undefined;
    const opening = new AbortController();
    const giveUp = (): void => opening.abort();
    over.addEventListener("abort", giveUp, { once: true });
    try {
      const station = await openStation({ ...setting, url }, AbortSignal.any([signal, opening.signal]));
      if (await isProved(station, setting.clock, over)) return station;
      station.stream.close();
    } catch (error) {
      // Not well yet: the fallback goes on, and the log has said why it is heard.
      if (!(error instanceof AppError) && !over.aborted) throw error;
    } finally {
      over.removeEventListener("abort", giveUp);
    }
  }
}

/** Whether a station is well for long enough, or until `over` aborts; what it says meanwhile is heard again by whoever records it. */
async function isProved({ stream }: OpenStation, clock: Clock, over: AbortSignal): Promise<boolean> {
  const batches: Heard[] = [];
  const endMs = clock.monotonicMs() + WELL_AFTER_SECONDS * 1000;
  while (clock.monotonicMs() < endMs && !over.aborted) {
    const next = await stream.next();
    if (next.kind !== "heard") return false;
    batches.push(next.heard);
  }
  stream.unread(batches);
  return true;
}
