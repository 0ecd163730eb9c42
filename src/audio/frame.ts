/** What a stream of MPEG frames holds. */
export type FrameFormat = "mp3" | "aac";

/** What a station can send, as ffmpeg calls its demuxers. */
export type StreamFormat = FrameFormat | "ogg";

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
  /** What a decoder needs first that begins with this frame, or comes from one with other headers. */
  headers?: Uint8Array;
};

/** How a stream's sound is coded. Of HE-AAC it is the core that counts, which has half the sample rate. */
export type SoundShape = {
  codec: FrameFormat | "opus" | "vorbis" | "flac";
  sampleRate: number;
  channels: number;
};

/** Cuts the bytes of one connection into whole frames, and throws away what lies between them. */
export interface StreamParser {
  /** Whether the first frame that `push` returned last had come as a whole before: it may be held back until the next one begins. */
  readonly isFirstHeldBack: boolean;
  /** Bytes so far that belonged to no frame. */
  readonly skippedBytes: number;
  /** How the first and the newest frame are coded; `undefined` before the first. */
  readonly firstShape: SoundShape | undefined;
  readonly shape: SoundShape | undefined;
  /** The bytes from where the stream goes over to a codec that needs a new decoder; `undefined` while it does not. */
  readonly rest: Uint8Array | undefined;
  /** Takes bytes in and returns the frames that they complete, perhaps none. */
  push(chunk: Uint8Array): Frame[];
  /** Returns what is whole at the end of the stream. */
  end(): Frame[];
  /** The titles that the stream itself has told since the last call. */
  takeTitles(): readonly string[];
}

/** The play time of frames. */
export function toSeconds(frames: readonly Frame[]): number {
  return frames.reduce((sum, frame) => sum + frame.durationSeconds, 0);
}
