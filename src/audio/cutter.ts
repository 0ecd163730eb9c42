/** A segment that has been cut but has no place in time yet. */
export type CutSegment = {
  audioData: Uint8Array;
  /** Where it begins in the decoded sound of its session, at 48 kHz. */
  startSample: number;
  durationSamples: number;
};

/**
 * Cuts what an encoder emits for one session into segments whose bytes, put together, are a valid stream.
 *
 * A cut falls only between packets, so a segment may run over by less than one packet. Its end is counted from the
 * session's first sample and not from its own start: overruns never add up, and neighbours play without a gap.
 */
export interface Cutter {
  /** Takes the encoder's bytes and returns the segments that they complete, perhaps none. */
  push(chunk: Uint8Array): CutSegment[];
  /** Returns what is left as a last, short segment. Nothing may be pushed after it. */
  end(): CutSegment[];
}
