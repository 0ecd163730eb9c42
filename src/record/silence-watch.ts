import { samplesToMs } from "../core/segment.ts";
import type { Log } from "../core/log.ts";
import type { PlacedLevel } from "./loudness-track.ts";

/**
 * A mean square of 10⁻⁶, −60 dBFS. The noise of a line or a converter with nothing behind it lies below, and decoders
 * make of digital silence much less still. A room with an open microphone, also when nobody speaks, lies above.
 */
const SILENT_POWER_MAX = 1e-6;

/** Dead air: from a sample of the recording to before another. */
export type Silence = { startSample: number; endSample: number };

export type SilenceParts = {
  /** Dead air that lasts for less is none; `undefined`: nothing is. */
  silenceAfterMs: number | undefined;
  log: Log;
  /** Told when dead air is over. */
  onOver: (silence: Silence) => void;
};

/** Watches a recording for dead air: the operator hears of it at once, and the ledger when it is over. */
export class SilenceWatch {
  readonly #parts: SilenceParts;
  /** Dead air that lasts, also while it is too short to be one. */
  #silence: Silence | undefined;
  #isTold = false;

  constructor(parts: SilenceParts) {
    this.#parts = parts;
  }

  add(levels: readonly PlacedLevel[]): void {
    for (const { startSample, durationSamples, power } of levels) {
      // Nobody knows what was on the air where sound is missing.
      if (this.#silence !== undefined && startSample > this.#silence.endSample) this.end();
      if (power < SILENT_POWER_MAX) {
        this.#silence = {
          startSample: this.#silence?.startSample ?? startSample,
          endSample: startSample + durationSamples,
        };
        this.#tell(this.#silence);
      } else {
        if (this.#isTold) this.#parts.log.info("sound is back");
        this.end();
      }
    }
  }

  /** The recording is over, and with it dead air that still lasts. */
  end(): void {
    if (this.#isTold && this.#silence !== undefined) this.#parts.onOver(this.#silence);
    this.#silence = undefined;
    this.#isTold = false;
  }

  #tell({ startSample, endSample }: Silence): void {
    const silentMs = samplesToMs(endSample - startSample);
    if (this.#isTold || silentMs < (this.#parts.silenceAfterMs ?? Infinity)) return;
    this.#isTold = true;
    this.#parts.log.warn(`dead air: no sound for ${Math.round(silentMs / 1000)} s`);
  }
}
