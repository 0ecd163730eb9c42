/**
 * A piece of encoded sound, whole packets, half a second at most: little enough to lose. Pieces of a segment, put
 * together, are its audio.
 */
export type CutPiece = {
  audioData: Uint8Array;
  /** Where it begins in the sound of the recording, at 48 kHz. */
  startSample: number;
  durationSamples: number;
  /** Whether a session begins with it: its bytes can be read without those before. */
  isSessionStart: boolean;
  /** Whether the segment that it belongs to ends with it. */
  isSegmentEnd: boolean;
};

/** Where a cutter begins. */
export type CutStart = {
  /** Where the first sample that is kept lies in the sound of the recording. */
  startSample: number;
  /** How many samples of what comes in lie before that one: they only set the decoder and the encoder going. */
  preRollSamples: number;
};

/** The start of a recording. */
export const FIRST_CUT: CutStart = { startSample: 0, preRollSamples: 0 };

/**
 * Cuts what one encoder emits into pieces, segments and sessions; the bytes of a session, put together, are a valid
 * stream.
 *
 * A cut falls only between packets, so a segment may run over by less than one packet. Its end is counted from the
 * session's first sample and not from its own start: overruns never add up, and neighbours play without a gap.
 */
export interface Cutter {
  /** Takes the encoder's bytes and returns the pieces that they complete, perhaps none. */
  push(chunk: Uint8Array): CutPiece[];
  /** Has a piece end at `sample`, or with the packet that holds it, where that is still to come. */
  splitAt(sample: number): void;
  /**
   * Begins a session where `held` begins, the last pieces returned, at most `RESTART_SECONDS_MAX` of them, or else where
   * the next piece would have begun. Not a sample is lost or changed. Returns pieces in place of `held`.
   */
  restart(held: readonly CutPiece[]): CutPiece[];
  /** Returns what is left as a last, short piece. Nothing may be pushed after it. */
  end(): CutPiece[];
}

/** How much sound a cutter can go back for a restart. */
export const RESTART_SECONDS_MAX = 8;
