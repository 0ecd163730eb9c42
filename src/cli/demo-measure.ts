import { readSegments } from "../playback/read-segments.ts";
import { verifyShow } from "../playback/verify.ts";
import { measureRecording } from "../station/measure-recording.ts";
import type { ShowReader } from "../store/show-reader.ts";

/** What the timestamps of a recording may be off by, in either direction. */
const TIME_ERROR_MAX_MS = 250;

export type DemoVerdict = { isGood: boolean; heardSeconds: number; text: string };

/** Verifies a recording of the tone clock, which should be one session, and measures from its sound what it holds. */
export async function measureShow(reader: ShowReader, signal: AbortSignal): Promise<DemoVerdict> {
  const verified = await verifyShow(reader, () => undefined, signal);
  const sessions = await reader.sessions({ fromMs: -Infinity, toMs: Infinity });
  const { minId, maxId } = await reader.bounds();
  const report = await measureRecording(readSegments(reader, { startId: minId, endId: maxId }), signal);
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
