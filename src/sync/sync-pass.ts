import { AppError } from "../core/app-error.ts";
import { whyNotShowName } from "../core/show.ts";
import { type SyncProgress, type SyncSetting, type SyncSummary, syncShow } from "./sync-show.ts";

/** Which shows to bring home: some by name, in this order, or all that the sender has. */
export type ShowSelection = readonly string[] | "all";

export type PassSetting = Omit<SyncSetting, "onProgress"> & {
  /** `index` of a show among the `count` shows of the pass, from 0. */
  onProgress: (progress: SyncProgress, place: { index: number; count: number }) => void;
  onShow: (summary: SyncSummary) => void;
};

/**
 * One pass: each show in turn, up to where its sender was when its turn came. A show that the sender lacks is an error before
 * anything is written. `onShow` is told of each show that is done.
 */
export async function syncShows(
  selection: ShowSelection,
  setting: PassSetting,
  signal: AbortSignal,
): Promise<void> {
  const offered = await setting.client.showNames(signal);
  const names = [...new Set(selection === "all" ? offered : selection)];
  requireNames(names, offered);
  for (const [index, name] of names.entries()) {
    const place = { index, count: names.length };
    const onProgress = (progress: SyncProgress): void => setting.onProgress(progress, place);
    setting.onShow(await syncShow(name, { ...setting, onProgress }, signal));
  }
}

function requireNames(names: readonly string[], offered: readonly string[]): void {
  const known = new Map<string, string>();
  for (const name of names) {
    const reason = whyNotShowName(name);
    if (reason !== undefined) throw new AppError("mismatch", `cannot sync: ${reason}`);
    const twin = known.get(name.toLowerCase());
    if (twin !== undefined) {
      throw new AppError(
        "mismatch",
        `the shows "${twin}" and "${name}" differ in case alone: files cannot keep them apart`,
      );
    }
    known.set(name.toLowerCase(), name);
    if (!offered.includes(name)) {
      const list = offered
        .slice(0, 20)
        .map((offer) => JSON.stringify(offer.slice(0, 80)))
        .join(", ");
      throw new AppError(
        "not-found",
        `the sender has no show "${name}"; it has ${list === "" ? "none" : list}`,
      );
    }
  }
}
