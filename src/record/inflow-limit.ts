/** A server may send this much more sound on connect than time has passed; beyond it, reading waits. */
const SOUND_AHEAD_MS_MAX = 60_000;

/** The same in bytes, for what is no sound: far more than any stream in use, and far less than a processor notices. */
const BYTES_AHEAD_MAX = 16 * 1024 * 1024;
const BYTES_PER_MS_MAX = 2048;

/** Keeps a station that sends without measure from taking this machine's time from the others. Times are monotonic. */
export class InflowLimit {
  #firstArrivalMs: number | undefined;
  #bytes = 0;
  #soundMs = 0;

  /** How far the sound is ahead of the time since the first arrival. */
  aheadMs(nowMs: number): number {
    return this.#soundMs - (nowMs - (this.#firstArrivalMs ?? nowMs));
  }

  add(arrived: { bytes: number; soundMs: number; arrivalMs: number }): void {
    this.#firstArrivalMs ??= arrived.arrivalMs;
    this.#bytes += arrived.bytes;
    this.#soundMs += arrived.soundMs;
  }

  /** For how long nothing more should be read; 0 for a station that behaves. */
  waitMs(nowMs: number): number {
    const elapsedMs = nowMs - (this.#firstArrivalMs ?? nowMs);
    const bytesMs = (this.#bytes - BYTES_AHEAD_MAX) / BYTES_PER_MS_MAX - elapsedMs;
    return Math.max(0, bytesMs, this.aheadMs(nowMs) - SOUND_AHEAD_MS_MAX);
  }
}
