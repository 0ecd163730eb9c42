import { type Segment, samplesToMs } from "../core/segment.ts";
import { decodeToPcm } from "./decode-to-pcm.ts";
import { ToneClockReader } from "./tone-clock-reader.ts";
import { measureToneClock, type ToneReport } from "./tone-clock-report.ts";

/** What a recording says of a piece of its sound. */
export type TimedAudio = Pick<Segment, "timestampMs" | "durationSamples" | "audioData">;

/**
 * Decodes the segments of one session and measures what they hold of the tone clock, against the times that they claim.
 * `samples` is the decoded length at 48 kHz. Throws `decoder` when they do not decode.
 */
export async function measureRecording(
  segments: AsyncIterable<TimedAudio> | Iterable<TimedAudio>,
  signal: AbortSignal,
): Promise<ToneReport & { samples: number }> {
  const starts: { sample: number; timestampMs: number }[] = [];
  async function* audio(): AsyncGenerator<Uint8Array> {
    let sample = 0;
    for await (const { timestampMs, durationSamples, audioData } of segments) {
      starts.push({ sample, timestampMs });
      sample += durationSamples;
      yield audioData;
    }
  }
  const reader = new ToneClockReader();
  for await (const pcm of decodeToPcm(audio(), signal)) reader.push(pcm);
  reader.end();
  const toClaimedMs = (sample: number): number => {
    // A second may have begun just before the first sample.
    const start = starts.findLast((known) => known.sample <= sample) ??
      starts[0] ?? { sample: 0, timestampMs: 0 };
    return start.timestampMs + samplesToMs(sample - start.sample);
  };
  const report = measureToneClock({ marks: reader.marks, silences: reader.silences, toClaimedMs });
  return { ...report, samples: reader.samples };
}
