import { type Gap, type NewShowEvent, toGapEvent } from "../core/show-event.ts";

/** A shorter hole cannot be told from the error of the clocks. */
const GAP_MIN_MS = 250;

type OpenGap = Omit<Gap, "endMs">;

/** Keeps the hole that is open at the moment, so that each is booked once, with its first reason, when it ends. */
export class GapLedger {
  #open: OpenGap | undefined;

  /** Opens a gap; while one is open, its start and reason stay. */
  open(gap: OpenGap): void {
    this.#open ??= gap;
  }

  /** Ends the open gap where sound begins again; the event to be stored, if it was a gap at all. */
  close(endMs: number): NewShowEvent[] {
    const gap = this.#open;
    this.#open = undefined;
    if (gap === undefined || endMs - gap.startMs < GAP_MIN_MS) return [];
    return [toGapEvent({ ...gap, endMs })];
  }
}
