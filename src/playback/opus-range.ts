import { transcodeToOpus } from "../audio/decode.ts";
import { toWavHeaderBytes } from "../audio/duration.ts";
import { toWavHeader } from "../audio/wav-header.ts";
import type { ShowReader } from "../store/show-reader.ts";
import { toClips } from "./clips.ts";
import { toOpusFile, type TimeRange } from "./opus-file.ts";
import { findSegmentId, readSegments } from "./read-segments.ts";

/** A range of any show as Ogg Opus: copied to the sample where it is kept as Opus, else encoded anew in whole segments. */
export function toOpusRange(
  reader: ShowReader,
  range: TimeRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { audioFormat } = reader.metadata.format;
  if (audioFormat === "opus") return toOpusFile(reader, range);
  return transcodeToOpus(audioFormat, readKeptAudio(reader, range), signal);
}

async function* readKeptAudio(reader: ShowReader, range: TimeRange): AsyncGenerator<Uint8Array> {
  const { audioFormat, channels } = reader.metadata.format;
  if (audioFormat === "wav") yield toWavHeader({ channels });
  for (const clip of toClips(await reader.sessions(range), range)) {
    const startId = await findSegmentId(reader, clip.session, clip.fromMs);
    for await (const segment of readSegments(reader, { startId, endId: clip.session.endId })) {
      if (segment.timestampMs >= clip.toMs) break;
      yield segment.audioData.subarray(audioFormat === "wav" ? toWavHeaderBytes(segment.audioData) : 0);
    }
  }
}
