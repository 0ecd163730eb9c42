/** How many samples at 48 kHz make one of the low band. */
export const LOW_BAND_STEP = 4;
/** Sample rate of the low band, in Hz. */
export const LOW_BAND_RATE: number = 48_000 / LOW_BAND_STEP;

/** Enough taps to hold back what would fold below 3.5 kHz by 40 dB; odd, so that the delay is a whole sample. */
const TAPS = 33;
const CUTOFF_HZ = 5000;
const COEFFICIENTS: Float32Array = createLowPass();

/**
 * The part below about 5 kHz of sound at 48 kHz, at 12 kHz: all that the tone clock uses, for a sixteenth of the work.
 * Sample `n` of the result lies exactly at sample `4 · n` of what was pushed.
 */
export class LowBand {
  /** Starts with as much silence as the filter would delay. */
  #pending: Float32Array = new Float32Array((TAPS - 1) / 2);

  /** Returns the samples that `pcm` completes. */
  push(pcm: Float32Array): Float32Array {
    const pending = joinSamples(this.#pending, pcm);
    const count = Math.max(0, Math.floor((pending.length - TAPS) / LOW_BAND_STEP) + 1);
    const low = new Float32Array(count);
    for (let index = 0; index < count; index++)
      low[index] = toDot(pending, index * LOW_BAND_STEP, COEFFICIENTS);
    this.#pending = pending.slice(count * LOW_BAND_STEP);
    return low;
  }

  /** Returns the samples that were held back for want of what follows them. */
  end(): Float32Array {
    return this.push(new Float32Array((TAPS - 1) / 2));
  }
}

/** One array that holds the two after each other. */
export function joinSamples(first: Float32Array, second: Float32Array): Float32Array {
  const joined = new Float32Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

/** Sum of products of `pattern` and as many samples from `start`, all of which must exist. */
export function toDot(samples: Float32Array, start: number, pattern: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < pattern.length; index++) {
    sum += (samples[start + index] ?? 0) * (pattern[index] ?? 0);
  }
  return sum;
}

/** A windowed sinc whose gain at 0 Hz is 1. */
function createLowPass(): Float32Array {
  const middle = (TAPS - 1) / 2;
  const taps = Float32Array.from({ length: TAPS }, (_, index) => {
    const turns = (2 * CUTOFF_HZ * (index - middle)) / 48_000;
    const sinc = turns === 0 ? 1 : Math.sin(Math.PI * turns) / (Math.PI * turns);
    return sinc * (0.54 - 0.46 * Math.cos((2 * Math.PI * index) / (TAPS - 1)));
  });
  const gain = taps.reduce((sum, tap) => sum + tap, 0);
  return taps.map((tap) => tap / gain);
}
