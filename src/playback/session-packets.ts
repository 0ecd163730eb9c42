import { parseOggPage, toPackets } from "../audio/ogg-page.ts";
import { isOpusTags, parseOpusHead, toPacketSamples } from "../audio/opus.ts";
import { AppError } from "../core/app-error.ts";
import { samplesToMs } from "../core/segment.ts";
import type { ShowReader } from "../store/show-reader.ts";
import { readSegments } from "./read-segments.ts";

/** An Opus packet and the wall-clock time of the sound that it adds. */
export type TimedPacket = { bytes: Uint8Array; startMs: number; samples: number };

/** The Opus packets of some segments of one session, in order, without headers. */
export async function* readOpusPackets(
  reader: ShowReader,
  range: { startId: number; endId: number },
): AsyncGenerator<TimedPacket> {
  for await (const segment of readSegments(reader, range)) {
    let startMs = segment.timestampMs;
    for (let offset = 0; offset < segment.audioData.length;) {
      const page = parseOggPage(segment.audioData, offset);
      if (page === undefined) throw new AppError("corrupt", `segment ${segment.id} is no Ogg Opus`);
      offset += page.pageBytes;
      for (const bytes of toPackets(page).whole) {
        const head = parseOpusHead(bytes);
        if (head !== undefined) startMs -= samplesToMs(head.preSkipSamples);
        if (head !== undefined || isOpusTags(bytes)) continue;
        const samples = toPacketSamples(bytes);
        yield { bytes, startMs, samples };
        startMs += samplesToMs(samples);
      }
    }
  }
}
