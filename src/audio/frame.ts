/** What a stream of whole frames holds. */
export type FrameFormat = "mp3" | "aac";

/** What a frame's header says, by ISO/IEC 11172-3 and 13818-3 (MP3) or 13818-7 (ADTS). */
export type FrameHeader = {
  /** Header included. */
  frameBytes: number;
  samples: number;
  sampleRate: number;
  channels: number;
};

/** Reads the header at `offset`, or returns `undefined` when there is none. */
export type ParseFrameHeader = (bytes: Uint8Array, offset: number) => FrameHeader | undefined;

/** The smallest part of a station's stream that a decoder takes, whole. */
export type Frame = {
  bytes: Uint8Array;
  /** Its play time. */
  durationSeconds: number;
};

/** The play time of frames. */
export function toSeconds(frames: readonly Frame[]): number {
  return frames.reduce((sum, frame) => sum + frame.durationSeconds, 0);
}
