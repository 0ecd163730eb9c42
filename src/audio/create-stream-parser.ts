import type { StreamFormat, StreamParser } from "./frame.ts";
import { FrameParser } from "./frame-parser.ts";
import { OggStreamParser } from "./ogg-stream-parser.ts";

/** The parser for what a station sends. */
export function createStreamParser(format: StreamFormat): StreamParser {
  return format === "ogg" ? new OggStreamParser() : new FrameParser(format);
}
