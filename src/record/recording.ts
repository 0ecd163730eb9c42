import type { CutPiece, Cutter } from "../audio/cutter.ts";
import { createCutter } from "../audio/create-cutter.ts";
import { ENCODER_DELAY_SAMPLES } from "../audio/encoder.ts";
import type { Level } from "../audio/level-meter.ts";
import { AppError } from "../core/app-error.ts";
import { SAMPLE_RATE, type ShowFormat } from "../core/show.ts";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import type { NewShowEvent } from "../core/show-event.ts";
import type { ResumeUpdate } from "../store/recording-state.ts";
import type { Extras, ShowWriter } from "../store/sqlite-show-writer.ts";
import type { AirClock } from "./air-clock.ts";
import { toArrivedSound } from "./arrived-sound.ts";
import { EventMarks } from "./event-marks.ts";
import type { FrameHistory } from "./frame-history.ts";
import type { GapLedger } from "./gap-ledger.ts";
import { LoudnessTrack } from "./loudness-track.ts";
import type { ResumeTail } from "./resume-tail.ts";
import type { SavePace } from "./save-pace.ts";
import { SegmentKeeper } from "./segment-keeper.ts";
import { type Silence, SilenceWatch } from "./silence-watch.ts";
import type { Heard, Stitch } from "./station-stream.ts";

/** MP3 needs five frames before the one that is wanted, because frames borrow bits of earlier ones; AAC needs three. */
const PRE_ROLL_FRAMES = 8;

/**
 * Input is saved by itself when it is late by so many turns: at live pace it is saved with the pieces, and never is. With the quarter of
 * a second that may come at once, less than two turns are lost in a kill.
 */
const INPUT_PACE = 1.4;

export type RecordingParts = {
  format: ShowFormat;
  writer: ShowWriter;
  clock: Clock;
  pace: SavePace;
  air: AirClock;
  gaps: GapLedger;
  history: FrameHistory;
  tail: ResumeTail;
  log: Log;
  /** How long dead air may last before it is told; `undefined`: it never is. */
  silenceAfterMs: number | undefined;
  /** Where the sound that is to be kept begins. */
  startSample: number;
  /** The next time, after the given one, at which a session should end though nothing happened; Unix milliseconds. */
  toBoundaryMs: (nowMs: number) => number;
  /** Told of each arrival, with the time on the monotonic clock. */
  onArrival: (arrivalMs: number) => void;
};

/**
 * What is recorded from one unbroken stream: it sees what goes into the encoders and what comes out, gives each piece its
 * place in time, and decides where sessions begin.
 *
 * Its sound is counted in seconds of what the station sent, and in samples at 48 kHz of what is kept.
 */
export class Recording {
  readonly #parts: RecordingParts;
  readonly #keeper: SegmentKeeper;
  readonly #marks: EventMarks;
  readonly #loudness = new LoudnessTrack();
  readonly #silence: SilenceWatch;
  readonly #startSeconds: number;
  #cutter: Cutter | undefined;
  #firstEvents: readonly NewShowEvent[];
  /** Where the sound behind the newest hole begins. */
  #soundSample: number;
  #boundaryMs: number | undefined;

  constructor(parts: RecordingParts, firstEvents: readonly NewShowEvent[]) {
    this.#parts = parts;
    this.#firstEvents = firstEvents;
    this.#soundSample = parts.startSample;
    this.#startSeconds = parts.history.endSeconds;
    this.#marks = new EventMarks((seconds) => parts.air.toMs(seconds));
    this.#silence = new SilenceWatch({ ...parts, onOver: (silence) => this.#markSilence(silence) });
    this.#keeper = new SegmentKeeper(
      {
        writer: parts.writer,
        clock: parts.clock,
        pace: parts.pace,
        toMs: (sample) => this.#toMs(sample),
        loudness: this.#loudness,
        isSettled: (sample) => parts.air.isSettled(this.#toSeconds(sample)),
        toExtras: (endSample) => this.#toExtras(endSample),
        onStored: () => this.#onStored(),
      },
      parts.startSample,
    );
  }

  get keeper(): SegmentKeeper {
    return this.#keeper;
  }

  /** Seconds of sound that came from the station. */
  get heardSeconds(): number {
    return this.#parts.history.endSeconds - this.#startSeconds;
  }

  /** Unix time at which the stored sound ends; `undefined` when nothing was stored. */
  get endMs(): number | undefined {
    const { storedSample } = this.#keeper;
    return storedSample === this.#parts.startSample ? undefined : this.#toMs(storedSample);
  }

  /** The same on the monotonic clock. */
  get endMonotonicMs(): number | undefined {
    return this.endMs === undefined ? undefined : this.#parts.air.toMonotonicMs(this.endMs);
  }

  /** Takes note of what came from the station, and has been added to the history. */
  note(heard: Heard): void {
    const { air, history, onArrival } = this.#parts;
    onArrival(heard.arrivalMs);
    this.#marks.add(heard, history.endSeconds);
    const sound = toArrivedSound(heard, history.endSeconds);
    if (sound === undefined) return;
    const wasUnsettled = air.unsettledSeconds;
    air.observe(heard.arrivalMs, sound);
    if (air.unsettledSeconds !== wasUnsettled) this.#splitAtUnsettled();
    this.#saveInput();
  }

  /**
   * A new encoder goes on where the last one ended. Returns the number of the frame with which it has to begin: some frames
   * earlier, which only set decoder and encoder going. With `isSkipping`, it begins with what comes next instead.
   */
  beginEncoder(isSkipping: boolean): number {
    const { format, history } = this.#parts;
    const { endSample } = this.#keeper;
    const found = isSkipping ? undefined : history.findPreRoll(endSample / SAMPLE_RATE, PRE_ROLL_FRAMES);
    const from = found ?? { number: history.endNumber, seconds: history.endSeconds };
    const fromSample = Math.round(from.seconds * SAMPLE_RATE);
    const startSample = Math.max(endSample, fromSample);
    if (startSample > endSample) this.#openGap(endSample, startSample);
    this.#cutter = createCutter(format, { startSample, preRollSamples: startSample - fromSample });
    this.#loudness.beginAt(fromSample + this.#delaySamples, startSample);
    return from.number;
  }

  /** Takes note of how loud the sound is that the encoder gets. */
  measure(levels: readonly Level[]): void {
    this.#silence.add(this.#loudness.add(levels));
  }

  /** Takes what an encoder emits and stores the pieces that it completes. */
  add(chunk: Uint8Array): void {
    const pieces = this.#cutter?.push(chunk) ?? [];
    for (const piece of pieces) this.#keeper.keep(piece);
    this.#placeJump();
    if (pieces.at(-1)?.isSegmentEnd === true) this.#placeBoundary();
  }

  /** Takes what is left of an encoder that has ended, for whatever reason: no other one adds to its session. */
  endEncoder(): void {
    const { air } = this.#parts;
    do {
      for (const piece of this.#cutter?.end() ?? []) this.#keeper.keep(piece);
      air.end();
    } while (this.#placeJump());
  }

  /** The recording goes on from another recorder's; told in it. */
  markStitch(stitch: Stitch): void {
    this.#marks.add({ frames: [], titles: [], arrivalMs: 0, stitch }, this.#startSeconds);
  }

  /** A decoder was replaced; told in the recording. */
  markDecoder(detail: string): void {
    this.#marks.addMark("decoder-replaced", { detail }, this.#parts.history.endSeconds);
  }

  /** Stores what is left as a short last segment. */
  finish(): void {
    this.#silence.end();
    this.endEncoder();
    this.#keeper.finish();
    // What happened after the last piece was stored goes with none.
    if (this.endMs === undefined) return;
    for (const event of this.#marks.toEvents()) this.#parts.writer.addEvent(event);
    this.#marks.clear();
  }

  /** Makes what is left durable on a full disk. What does not fit even then is lost, and the gap begins before it. */
  saveRest(): void {
    try {
      this.#keeper.saveRest(this.#cutter?.end() ?? []);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "disk-full") throw error;
    }
  }

  /** What the encoder is late by becomes durable as it came: above all a burst, which is seconds at once. */
  #saveInput(): void {
    const { tail, pace, writer } = this.#parts;
    if (tail.unsavedSeconds * 1000 < pace.everyMs * INPUT_PACE) return;
    writer.savePieces([], { events: [], resume: this.#toResume(this.#keeper.storedSample) });
    tail.onStored();
  }

  /** Sound that jumped in time begins a session of its own; tells whether there was such a jump. */
  #placeJump(): boolean {
    const { air, gaps } = this.#parts;
    if (air.jumpSeconds === undefined) return false;
    const sample = this.#toSample(air.jumpSeconds);
    if (this.#keeper.endSample < sample) return false;
    this.#keeper.restartAt(sample, (held) => {
      const jump = air.takeJump();
      this.#splitAtUnsettled();
      this.#soundSample = held[0]?.startSample ?? this.#keeper.endSample;
      const endMs = this.#toMs(this.#soundSample);
      gaps.open({ startMs: endMs - (jump?.byMs ?? 0), reason: "frames-lost", detail: "" });
      return this.#restart(held);
    });
    return true;
  }

  /** A session that goes on for long ends now and then, so that retention has a place to cut. */
  #placeBoundary(): void {
    const endSample = this.#keeper.endSample;
    const endMs = this.#toMs(endSample);
    this.#boundaryMs ??= this.#parts.toBoundaryMs(endMs);
    if (endMs < this.#boundaryMs || !this.#parts.air.isSettled(this.#toSeconds(endSample))) return;
    this.#boundaryMs = this.#parts.toBoundaryMs(endMs);
    this.#keeper.restartAt(endSample, (held) => this.#restart(held));
  }

  #splitAtUnsettled(): void {
    const seconds = this.#parts.air.unsettledSeconds;
    if (seconds !== undefined) this.#cutter?.splitAt(this.#toSample(seconds));
  }

  #markSilence({ startSample, endSample }: Silence): void {
    const [startMs, endMs] = [this.#toMs(startSample), this.#toMs(endSample)];
    const data = { start_ms: Math.round(startMs), end_ms: Math.round(endMs) };
    this.#marks.addMark("silence", data, this.#toSeconds(startSample));
  }

  #restart(held: readonly CutPiece[]): CutPiece[] {
    return this.#cutter?.restart(held) ?? [...held];
  }

  #openGap(endSample: number, startSample: number): void {
    this.#soundSample = startSample;
    this.#parts.gaps.open({ startMs: this.#toMs(endSample), reason: "decoder-failed", detail: "" });
  }

  #toExtras(endSample: number): Extras {
    const { gaps } = this.#parts;
    const soundMs = this.#toMs(this.#soundSample);
    const first = this.#firstEvents.map((event) => ({ ...event, timestampMs: soundMs }));
    const events = [...gaps.toEvents(soundMs), ...first, ...this.#marks.toEvents()];
    return { events, resume: this.#toResume(endSample) };
  }

  #toResume(endSample: number): ResumeUpdate {
    const { tail, history, air, clock } = this.#parts;
    // An encoder that is told to end fills its last packet up: that is no sound of the station.
    const heardSample = Math.min(endSample, this.#toSample(history.endSeconds));
    const endSeconds = this.#toSeconds(heardSample);
    const endMs = this.#toMs(heardSample);
    const known = { isFound: air.isFound, isSettled: air.isSettled(endSeconds) };
    const clockAheadMs = air.aheadOf(clock);
    return tail.toUpdate({ endSample: heardSample, endSeconds, endMs, ...known, clockAheadMs });
  }

  #onStored(): void {
    this.#parts.gaps.close();
    this.#parts.tail.onStored();
    this.#firstEvents = [];
    this.#marks.clear();
  }

  get #delaySamples(): number {
    return ENCODER_DELAY_SAMPLES[this.#parts.format.audioFormat];
  }

  #toSample(seconds: number): number {
    return Math.round(seconds * SAMPLE_RATE) + this.#delaySamples;
  }

  #toSeconds(sample: number): number {
    return (sample - this.#delaySamples) / SAMPLE_RATE;
  }

  #toMs(sample: number): number {
    return this.#parts.air.toMs(this.#toSeconds(sample));
  }
}
