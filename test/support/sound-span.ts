import { measureRecording } from "../../src/station/measure-recording.ts";
import type { ToneReport } from "../../src/station/tone-clock-report.ts";

/** When sound was made, by its own tone clock; Unix time. */
export type SoundSpan = { startMs: number; endMs: number };

/** Decoding a minute takes a second; what takes so long hangs. */
const MEASURE_MS_MAX = 120_000;

/**
 * The span of unbroken sound, known from its first and its last second. `nearMs` is right to half an hour. `undefined`
 * for sound in which no second begins.
 */
export async function measureSpan(
  audioData: Uint8Array,
  nearMs: number,
): Promise<{ span: SoundSpan | undefined; report: ToneReport & { samples: number } }> {
  const whole = { timestampMs: nearMs, durationSamples: 0, audioData };
  const report = await measureRecording([whole], AbortSignal.timeout(MEASURE_MS_MAX));
  const [first, last] = [report.errors[0], report.errors.at(-1)];
  if (first === undefined || last === undefined) return { span: undefined, report };
  const endMs = nearMs - last.errorMs + report.samples / 48;
  return { span: { startMs: nearMs - first.errorMs, endMs }, report };
}
