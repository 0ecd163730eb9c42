/**
 * A piece of encoded sound, whole packets, half a second at most: little enough to lose. Pieces of a segment, put
 * together, are its audio.
 */
export type CutPiece = {
  audioData: Uint8Array;
  /** Where it begins in the decoded sound of its session, at 48 kHz. */
  startSample: number;
  durationSamples: number;
  /** Whether the segment that it belongs to ends with it. */
  isSegmentEnd: boolean;
};

/**
 * Cuts what an encoder emits for one session into pieces and segments whose bytes, put together, are a valid stream.
 *
 * A cut falls only between packets, so a segment may run over by less than one packet. Its end is counted from the
 * session's first sample and not from its own start: overruns never add up, and neighbours play without a gap.
 */
export interface Cutter {
  /** Takes the encoder's bytes and returns the pieces that they complete, perhaps none. */
  push(chunk: Uint8Array): CutPiece[];
  /** Returns what is left as a last, short piece. Nothing may be pushed after it. */
  end(): CutPiece[];
}
