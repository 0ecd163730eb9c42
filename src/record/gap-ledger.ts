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

  /** The event of the open gap when sound begins again at `endMs`, if there is one and it is a gap at all. */
  toEvents(endMs: number): NewShowEvent[] {
    const gap = this.#open;
    if (gap === undefined || endMs - gap.startMs < GAP_MIN_MS) return [];
    return [toGapEvent({ ...gap, endMs })];
  }

  /** A ledger of its own for sound that is stored before the open gap ends, and that has the same gap before it. */
  fork(): GapLedger {
    const fork = new GapLedger();
    fork.#open = this.#open;
    return fork;
  }

  /** Sound was found that had been heard before the open gap: it begins behind it. */
  startAfter(endMs: number): void {
    if (this.#open !== undefined && this.#open.startMs < endMs)
      this.#open = { ...this.#open, startMs: endMs };
  }

  /** Where sound ended because this program was told to; the next start books what is missed from there. */
  get stoppedMs(): number | undefined {
    return this.#open?.reason === "stopped" ? this.#open.startMs : undefined;
  }

  /** Ends the open gap, after its event has been stored. */
  close(): void {
    this.#open = undefined;
  }
}
