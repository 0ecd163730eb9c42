/** Icecast's usual burst is 64 KiB; a history of this size holds the largest that is in use, several times over. */
const HISTORY_BYTES_MAX = 1024 * 1024;

/** The newest frames of a station that were heard, so that a new connection can be joined to them. */
export class FrameHistory {
  #frames: Uint8Array[] = [];
  #bytes = 0;

  /** Oldest first. */
  get frames(): readonly Uint8Array[] {
    return this.#frames;
  }

  add(frames: readonly Uint8Array[]): void {
    this.#frames.push(...frames);
    for (const frame of frames) this.#bytes += frame.length;
    let surplus = 0;
    while (this.#bytes > HISTORY_BYTES_MAX) this.#bytes -= this.#frames[surplus++]?.length ?? 0;
    if (surplus > 0) this.#frames.splice(0, surplus);
  }
}
