import { decodeToPcm } from "../station/decode-to-pcm.ts";
import { ToneClockReader } from "../station/tone-clock-reader.ts";
import { measureToneClock, type ToneReport } from "../station/tone-clock-report.ts";
import { readSegments } from "../playback/read-segments.ts";
import { verifyShow } from "../playback/verify.ts";
import { samplesToMs } from "../core/segment.ts";
import type { ShowReader } from "../store/show-reader.ts";

/** What the timestamps of a recording may be off by, in either direction. */
const TIME_ERROR_MAX_MS = 250;

export type DemoVerdict = { isGood: boolean; heardSeconds: number; text: string };

/** Verifies a recording of the tone clock and measures from its sound what it holds. Only its first session is measured. */
export async function measureShow(reader: ShowReader, signal: AbortSignal): Promise<DemoVerdict> {
  const verified = await verifyShow(reader, () => undefined, signal);
  const sessions = await reader.sessions({ fromMs: -Infinity, toMs: Infinity });
  const report = await measureSound(reader, signal);
  const heardSeconds = report.held.reduce((sum, run) => sum + run.toS - run.fromS + 1, 0);
  const worstErrorMs = report.worstErrorMs ?? Infinity;
  const isGood =
    verified.faults.length === 0 &&
    sessions.length === 1 &&
    report.lostMs === 0 &&
    report.doubledMs === 0 &&
    Math.abs(worstErrorMs) <= TIME_ERROR_MAX_MS;
  const text =
    `${heardSeconds} s heard in ${sessions.length} session, ${report.lostMs.toFixed(0)} ms lost, ` +
    `${report.doubledMs.toFixed(0)} ms doubled, time off by ${worstErrorMs.toFixed(0)} ms at most, ` +
    `${verified.segments} segments with ${verified.faults.length} faults`;
  return { isGood, heardSeconds, text };
}

async function measureSound(reader: ShowReader, signal: AbortSignal): Promise<ToneReport> {
  const { minId, maxId } = await reader.bounds();
  const starts: { sample: number; timestampMs: number }[] = [];
  async function* audio(): AsyncGenerator<Uint8Array> {
    let sample = 0;
    for await (const segment of readSegments(reader, { startId: minId, endId: maxId })) {
      starts.push({ sample, timestampMs: segment.timestampMs });
      sample += segment.durationSamples;
      yield segment.audioData;
    }
  }
  const tones = new ToneClockReader();
  for await (const pcm of decodeToPcm(audio(), signal)) tones.push(pcm);
  tones.end();
  const toClaimedMs = (sample: number): number => {
    const start = starts.findLast((known) => known.sample <= sample) ?? { sample: 0, timestampMs: 0 };
    return start.timestampMs + samplesToMs(sample - start.sample);
  };
  return measureToneClock({ marks: tones.marks, silences: tones.silences, toClaimedMs });
}
