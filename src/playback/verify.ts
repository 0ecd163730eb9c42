import { countDecodedSamples } from "../audio/decode.ts";
import { toDurationSamples } from "../audio/duration.ts";
import { parseOggPage } from "../audio/ogg-page.ts";
import { toOpusHeaderPages } from "../audio/opus.ts";
import { toWavHeader } from "../audio/wav-header.ts";
import { AppError, toReason } from "../core/app-error.ts";
import { type Segment, type SegmentHead, toCrc32 } from "../core/segment.ts";
import type { ShowReader } from "../store/show-reader.ts";
import { PageChecker } from "./check-pages.ts";
import { readSegments } from "./read-segments.ts";

/** Something that is not as it was written. */
export type Fault = { segmentId: number; reason: string };

export type VerifyReport = {
  segments: number;
  /** Ids from the first that is there to the last that ever was which are not there any more. */
  trimmed: number;
  /** Unbroken runs of segments that were decoded. */
  runs: number;
  durationSamples: number;
  faults: Fault[];
  /** Segments whose audio is not what its CRC says, all of them, as they are stored. */
  damaged: SegmentHead[];
};

/** Only the first faults are told one by one; a file that is rubbish has one in each row. */
const FAULTS_MAX = 100;

/**
 * Checks every segment of a show: its CRC, its pages or frames, that ids, page numbers and positions run on inside a session, and that
 * each unbroken run decodes to the length that its rows promise. `onSegment` is called once for each.
 */
export async function verifyShow(
  reader: ShowReader,
  onSegment: (segment: Segment) => void,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const { minId, maxId, lastId } = await reader.bounds();
  const report: VerifyReport = {
    segments: 0,
    trimmed: 0,
    runs: 0,
    durationSamples: 0,
    faults: [],
    damaged: [],
  };
  if (maxId === 0) return report;
  const segments = readSegments(reader, { startId: minId, endId: maxId });
  const first = await segments.next();
  let next: Segment | undefined = first.done === true ? undefined : first.value;
  while (next !== undefined) {
    const run = new Run(reader, next, report);
    await checkRun(run, segments, onSegment, signal);
    next = run.next;
  }
  report.trimmed = lastId - minId + 1 - report.segments;
  return report;
}

async function checkRun(
  run: Run,
  rest: AsyncGenerator<Segment>,
  onSegment: (segment: Segment) => void,
  signal: AbortSignal,
): Promise<void> {
  const { audioFormat } = run.format;
  try {
    const samples = await countDecodedSamples(audioFormat, run.read(rest, onSegment), signal);
    run.expectSamples(samples);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "decoder") throw error;
    run.addFault(toReason(error));
    for await (const _ of run.read(rest, onSegment)) signal.throwIfAborted();
  }
}

/** Neighbouring segments of one session, from the first to before the next boundary or missing id. */
class Run {
  readonly #reader: ShowReader;
  readonly #report: VerifyReport;
  readonly #pages = new PageChecker();
  #current: Segment | undefined;
  #startId: number;
  #samples = 0;
  #isFaulty = false;
  /** The first segment behind this run, once it has been read. */
  next: Segment | undefined;

  constructor(reader: ShowReader, first: Segment, report: VerifyReport) {
    this.#reader = reader;
    this.#report = report;
    this.#current = first;
    this.#startId = first.id;
    report.runs++;
  }

  get format(): ShowReader["metadata"]["format"] {
    return this.#reader.metadata.format;
  }

  /** The bytes of the run as a valid stream; each segment is checked on its way. Can be called again to go on. */
  async *read(
    rest: AsyncGenerator<Segment>,
    onSegment: (segment: Segment) => void,
  ): AsyncGenerator<Uint8Array> {
    if (this.#samples === 0 && this.#current?.isTimestampFromSource === false)
      yield this.#toHeader(this.#current);
    while (this.#current !== undefined) {
      const segment = this.#current;
      this.#check(segment);
      onSegment(segment);
      const next = await rest.next();
      const isOver =
        next.done === true || next.value.isTimestampFromSource || next.value.id !== segment.id + 1;
      this.#current = isOver ? undefined : next.value;
      this.next = isOver && next.done !== true ? next.value : undefined;
      yield segment.audioData;
    }
  }

  expectSamples(decodedSamples: number): void {
    if (decodedSamples === this.#samples || this.#isFaulty) return;
    this.addFault(`the session decodes to ${decodedSamples} samples, its rows promise ${this.#samples}`);
  }

  addFault(reason: string, segmentId: number = this.#startId): void {
    this.#isFaulty = true;
    if (this.#report.faults.length < FAULTS_MAX) this.#report.faults.push({ segmentId, reason });
  }

  /** A run without the row that carried the header is decoded behind a new one. */
  #toHeader(first: Segment): Uint8Array {
    const { audioFormat, channels } = this.format;
    switch (audioFormat) {
      case "opus":
        // Pages of another stream than the header's would be passed over.
        return toOpusHeaderPages(
          { channels, preSkipSamples: 0 },
          parseOggPage(first.audioData, 0)?.serial ?? 0,
        );
      case "aac":
        return new Uint8Array(0);
      case "wav":
        return toWavHeader({ channels });
    }
  }

  #check(segment: Segment): void {
    const { audioFormat, channels } = this.format;
    this.#report.segments++;
    this.#report.durationSamples += segment.durationSamples;
    this.#samples += segment.durationSamples;
    const crc32 = toCrc32(segment.audioData);
    if (crc32 !== segment.crc32) {
      const { loudness: _, audioData: __, ...head } = segment;
      this.#report.damaged.push(head);
      this.addFault(`its CRC is ${crc32}, ${segment.crc32} was stored with it`, segment.id);
      return;
    }
    const faults = audioFormat === "opus" ? this.#pages.check(segment) : [];
    const samples = toDurationSamples(audioFormat, channels, segment.audioData);
    if (audioFormat !== "opus" && samples !== segment.durationSamples) {
      faults.push(`duration_samples is ${segment.durationSamples}, its audio has ${samples}`);
    }
    for (const reason of faults) this.addFault(reason, segment.id);
  }
}
