import type { SimulatedFormat } from "./simulated-frame.ts";

/** One run of a station's encoder. */
export type Epoch = {
  id: number;
  format: SimulatedFormat;
  /** True time at which its first frame leaves the server. */
  firstMs: number;
  /** From one frame to the next, by the truth and not by the station's own clock. */
  frameMs: number;
  /** How many frames there will ever be; infinite while it runs. */
  frames: number;
};

/** What a station broadcasts: frame after frame, at the pace of a clock that may be wrong. */
export class Programme {
  readonly #epochs: Epoch[] = [];
  readonly #driftPpm: number;

  /** `driftPpm` is how much faster than the truth the station's clock runs. */
  constructor(setting: { startMs: number; format: SimulatedFormat; driftPpm: number }) {
    this.#driftPpm = setting.driftPpm;
    this.#begin(setting.startMs, setting.format);
  }

  get current(): Epoch {
    const last = this.#epochs.at(-1);
    if (last === undefined) throw new RangeError("a programme has begun");
    return last;
  }

  epoch(id: number): Epoch {
    return this.#epochs[id - this.#firstId] ?? this.current;
  }

  /** The station's encoder ends at `atMs` and begins anew after a pause, perhaps with another format. */
  restart(atMs: number, pauseMs: number, format: SimulatedFormat): void {
    const { current } = this;
    current.frames = this.framesBy(current, atMs);
    this.#begin(atMs + pauseMs, format);
    // Nobody asks for what was on long ago.
    if (this.#epochs.length > 50) this.#epochs.shift();
  }

  /** True time at which a sample of an epoch, at 48 kHz, leaves the server. */
  toTrueMs(epochId: number, sample: number): number {
    const epoch = this.epoch(epochId);
    return toLeftMs(epoch, sample / epoch.format.samples48);
  }

  /** How many frames of an epoch have left by `ms`. */
  framesBy(epoch: Epoch, ms: number): number {
    const count = Math.floor((ms - epoch.firstMs) / epoch.frameMs) + 1;
    return Math.min(epoch.frames, Math.max(0, count));
  }

  get #firstId(): number {
    return this.#epochs[0]?.id ?? 0;
  }

  #begin(firstMs: number, format: SimulatedFormat): void {
    const id = (this.#epochs.at(-1)?.id ?? 0) + 1;
    const frameMs = format.samples48 / 48 / (1 + this.#driftPpm / 1e6);
    this.#epochs.push({ id, format, firstMs, frameMs, frames: Infinity });
  }
}

/** True time at which a frame leaves the server. */
export function toLeftMs(epoch: Epoch, index: number): number {
  return epoch.firstMs + index * epoch.frameMs;
}
