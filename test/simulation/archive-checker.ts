import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";

import type { ShowConfig } from "../../src/config/record-config.ts";
import { toNextWindows } from "../../src/record/schedule.ts";
import { addTo, type Deliveries, SLACK_SAMPLES, type Sounds, type Stretch } from "./deliveries.ts";
import { type Interval, IntervalSet } from "./interval-set.ts";
import { type Heard, readSounds, SessionReader } from "./session-reader.ts";
import type { SimulatedMachine } from "./simulated-machine.ts";
import { DATE_ROUNDING_MS, ERROR_MS_MAX, type TimeReference, toReferences } from "./time-reference.ts";
import type { Trace } from "./trace.ts";

/** SPEC 8: what a kill may cost. */
const LOST_MS_MAX = 1000;

/** Holes and overlaps up to this cannot be told from the error of the clocks. */
const EDGE_MS = 250;

/** A simulated encoder takes its own delay for the sound before its first one. */
const ENCODER_DELAY_SAMPLES = 960;

/** Two sessions whose clocks are known only as far as a server's `Date` tells meet as well as that does. */
const DATE_SEAM_MS = EDGE_MS + DATE_ROUNDING_MS;

/** Damage is met again by a burst, and by the next look at the archive, within this time. */
const SEAMS_FOR_MS = 120_000;

/**
 * Frames from before and behind a hole may come in one read of the network, a fifth of a second, and behind a frame that was held
 * back until another one followed, an eighth: nothing tells where among them the hole is. Right before the end of a connection, what
 * two reads bring may also have been held up.
 */
const BLUR_MS = 450;

const HOUR_MS = 3_600_000;

type Row = {
  id: number;
  timestampMs: number;
  isBoundary: boolean;
  samples: number;
  crc32: number;
  audio: Uint8Array;
};
type End = { epoch: number; sample: number };
type Session = {
  reader: SessionReader;
  references: readonly TimeReference[];
  end: End | undefined;
  /** How much of the newest sound has a wrong time. */
  wrongMs: number;
};

/** What was found, in numbers. */
export type Findings = {
  errorMsMax: number;
  soundSeconds: number;
  doubledSeconds: number;
  lostSeconds: number;
  sessions: number;
  events: Record<string, number>;
  gapSeconds: Record<string, number>;
  retentionRuns: number;
  /** Unix time, by the archive's word, at which each session begins; the first sound and the last. */
  boundariesMs: number[];
  soundFromMs: number;
  soundToMs: number;
};

export type CheckerParts = {
  show: ShowConfig;
  deliveries: Deliveries;
  machine: SimulatedMachine;
  trace: Trace;
  /** When a sample of an epoch left the server. */
  toTrueMs: (epoch: number, sample: number) => number;
  /** How far the clock by which the archive counts is ahead of the machine's, where a server's `Date` wins from start to end. */
  archiveAheadMs: number;
  onFault: (text: string) => void;
};

/**
 * Holds a show's database against SPEC 7 and the truth that its packets carry. It reads with plain SQL, only what is new
 * since it last looked, and keeps little: so it can look after every event of days.
 */
export class ArchiveChecker {
  readonly findings: Findings = {
    errorMsMax: 0,
    soundSeconds: 0,
    doubledSeconds: 0,
    lostSeconds: 0,
    sessions: 0,
    events: {},
    gapSeconds: {},
    retentionRuns: 0,
    boundariesMs: [],
    soundFromMs: Infinity,
    soundToMs: -Infinity,
  };
  readonly #parts: CheckerParts;
  readonly #fromMs: number;
  #lastId = 0;
  #lastEventId = 0;
  #firstId = 0;
  #session: Session | undefined;
  #boundaries: Pick<Row, "id" | "timestampMs">[] = [];
  readonly #kept: Sounds = new Map();
  readonly #forgiven: Sounds = new Map();
  /** Unix time by the archive's own word: sound, and sound or a gap. */
  readonly #sound = new IntervalSet();
  readonly #gaps = new IntervalSet();
  readonly #explained = new IntervalSet();
  #reportedHoles = new Set<number>();
  #isClockRight = true;
  #seamsUntilMs = 0;
  #dateSeamUntilMs = 0;
  #doubledMs = 0;

  /** What lies before now is not expected to be there. */
  constructor(parts: CheckerParts) {
    this.#parts = parts;
    this.#fromMs = parts.machine.wallMs;
  }

  /**
   * Something has made sound that cannot be joined frame by frame. For a while, sessions may meet as well as clocks allow:
   * with a little sound missing or doubled.
   */
  expectSeams(): void {
    this.#seamsUntilMs = this.#parts.machine.time.elapsedMs + SEAMS_FOR_MS;
  }

  /** A session has begun whose clock is not known any better; two of them may differ by the rounding of both. */
  #expectDateSeam(): void {
    this.#dateSeamUntilMs = this.#parts.machine.time.elapsedMs + SEAMS_FOR_MS;
  }

  /** From here on the machine's clock steps, and sound may claim the time of other sound. */
  expectClockSteps(): void {
    this.#isClockRight = false;
  }

  /** Checks all that has come since the last call. `receivedMs`: until then, all that was received has to be durable. */
  check(path: string, receivedMs: number = this.#parts.machine.time.elapsedMs - LOST_MS_MAX): void {
    using database = new DatabaseSync(path, { readOnly: true });
    this.#checkRetention(database);
    for (const row of readRows(database, this.#lastId)) this.#checkRow(row);
    for (const event of readEvents(database, this.#lastEventId)) this.#checkEvent(event);
    this.#checkHoles();
    const { lost, atRisk } = this.#findMissing(database, receivedMs);
    for (const stretch of lost) this.#reportLost(stretch);
    const riskMs = atRisk.reduce((sum, { start, end }) => sum + (end - start) / 48, 0);
    if (riskMs > LOST_MS_MAX) this.#parts.onFault(`a kill would cost ${riskMs.toFixed(0)} ms`);
  }

  /** Takes note of a kill, which costs what was not durable yet. */
  checkKill(path: string): void {
    this.check(path);
    using database = new DatabaseSync(path, { readOnly: true });
    const { lost, atRisk } = this.#findMissing(database, this.#parts.machine.time.elapsedMs);
    for (const stretch of lost) this.#reportLost(stretch);
    for (const stretch of atRisk) addTo(this.#forgiven, stretch);
  }

  /** Checks what has to hold when the recorder was told to stop at `stoppedMs`: every second of the schedule is explained. */
  checkEnd(path: string, stoppedMs: number): void {
    this.check(path, this.#parts.machine.time.elapsedMs);
    using database = new DatabaseSync(path, { readOnly: true });
    const { atRisk } = this.#findMissing(database, this.#parts.machine.time.elapsedMs);
    for (const stretch of atRisk) this.#reportLost(stretch);
    const wanted = new IntervalSet();
    for (const { startMs, endMs } of toNextWindows(this.#parts.show, this.#fromMs, 1000)) {
      const aheadMs = this.#parts.archiveAheadMs;
      wanted.add(Math.max(this.#fromMs, startMs) + aheadMs, Math.min(stoppedMs, endMs) + aheadMs);
    }
    for (const hole of wanted.without(this.#explained)) this.#reportHole(hole);
  }

  #checkRow(row: Row): void {
    const { trace, onFault } = this.#parts;
    const fault = (text: string): void => onFault(`segment ${row.id}: ${text}`);
    this.#lastId = row.id;
    if (row.isBoundary) this.#beginSession(row);
    const session = this.#session;
    if (session === undefined) return fault("the first row is no boundary");
    if (crc32(row.audio) !== row.crc32) fault("wrong CRC");
    const before = session.reader.position;
    const heard = session.reader.read(row.audio, fault);
    const added = session.reader.position - before;
    if (added !== row.samples) fault(`duration_samples is ${row.samples}, its packets add ${added}`);
    if (row.isBoundary) session.references = this.#toReferences(heard, session.references);
    for (const sound of heard) {
      this.#checkTime(sound, row.timestampMs + (sound.position - before) / 48, fault);
      this.#checkOrder(sound, fault);
    }
    const endMs = row.timestampMs + row.samples / 48;
    this.#sound.add(row.timestampMs, endMs, 1);
    this.#explained.add(row.timestampMs, endMs, EDGE_MS);
    this.findings.soundSeconds += row.samples / 48_000;
    this.findings.soundFromMs = Math.min(this.findings.soundFromMs, row.timestampMs);
    this.findings.soundToMs = Math.max(this.findings.soundToMs, endMs);
    const [first, last] = [heard[0], heard.at(-1)];
    trace.add(
      `row ${row.id} ${row.timestampMs} ${row.isBoundary} ${row.samples} ${first?.sample} ${last?.sample}`,
    );
  }

  #beginSession({ id, timestampMs }: Row): void {
    this.findings.sessions++;
    this.findings.boundariesMs.push(timestampMs);
    this.#boundaries.push({ id, timestampMs });
    const last = this.#session;
    this.#session = {
      reader: new SessionReader(),
      references: last?.references ?? [],
      end: last?.end,
      wrongMs: 0,
    };
  }

  /** By which clocks a new session may go: that of the connections by which it came, and the old ones where no sound is missing. */
  #toReferences(heard: readonly Heard[], before: readonly TimeReference[]): TimeReference[] {
    const [first] = heard;
    if (first === undefined) return [...before];
    const end = this.#session?.end;
    const isUnbroken = end?.epoch === first.epoch && first.sample - end.sample <= SLACK_SAMPLES;
    const own = this.#parts.deliveries.connectionsOf(first.epoch, first.sample).flatMap(toReferences);
    if (own.some(({ toleranceMs }) => toleranceMs > ERROR_MS_MAX)) this.#expectDateSeam();
    if (own.length === 0) this.#parts.onFault(`sound that was never sent: ${toText(toStretch(first))}`);
    return isUnbroken ? [...before, ...own] : own;
  }

  #checkTime(sound: Heard, claimedMs: number, fault: (text: string) => void): void {
    const session = this.#session;
    if (session === undefined || session.references.length === 0) return;
    const errorMs = claimedMs - sound.leftMs;
    const excess = session.references.map((reference) => {
      const ownMs = errorMs - reference.errorMs;
      return { ownMs, excessMs: Math.abs(ownMs) - reference.toleranceMs };
    });
    const [best] = excess.sort((a, b) => a.excessMs - b.excessMs);
    if (best === undefined) return;
    session.wrongMs = best.excessMs <= 0 ? 0 : session.wrongMs + sound.samples / 48;
    if (best.excessMs > 0 && session.wrongMs <= BLUR_MS) return;
    this.findings.errorMsMax = Math.max(this.findings.errorMsMax, best.excessMs + ERROR_MS_MAX);
    if (best.excessMs <= 0) return;
    fault(`its time is wrong by ${best.ownMs.toFixed(0)} ms at ${toText(toStretch(sound))}`);
    // Once is enough for a session.
    session.references = [];
  }

  #checkOrder(sound: Heard, fault: (text: string) => void): void {
    const session = this.#session;
    if (session === undefined) return;
    const { epoch, sample } = sound;
    const stretch = toStretch(sound);
    const doubled = this.#kept.get(epoch)?.overlap(stretch.start, stretch.end) ?? 0;
    const { end } = session;
    const wasDoubledMs = this.#doubledMs;
    this.#doubledMs = doubled > 2 * SLACK_SAMPLES ? wasDoubledMs + doubled / 48 : 0;
    this.findings.doubledSeconds += (this.#doubledMs > 0 ? doubled : 0) / 48_000;
    const allowedMs = Math.max(this.#seamMs, sound.position < ENCODER_DELAY_SAMPLES ? EDGE_MS : 0);
    if (this.#doubledMs > allowedMs && wasDoubledMs <= allowedMs) fault(`doubled: ${toText(stretch)}`);
    const isEarlier =
      this.#doubledMs === 0 &&
      end !== undefined &&
      (epoch < end.epoch || (epoch === end.epoch && sample < end.sample - 2 * SLACK_SAMPLES));
    if (isEarlier) fault(`${toText(stretch)} comes after ${end.epoch}:${Math.round(end.sample)}`);
    session.end = { epoch, sample: stretch.end };
    addTo(this.#kept, stretch);
  }

  #checkEvent({ id, timestampMs, kind, data }: EventRow): void {
    this.#lastEventId = id;
    const { findings } = this;
    findings.events[kind] = (findings.events[kind] ?? 0) + 1;
    this.#parts.trace.add(`event ${id} ${timestampMs} ${kind} ${data}`);
    if (kind !== "gap") return;
    const gap: { start_ms: number; end_ms: number; reason: string } = JSON.parse(data);
    if (typeof gap.reason !== "string" || gap.reason === "") this.#parts.onFault(`event ${id}: no reason`);
    if (gap.end_ms <= gap.start_ms) this.#parts.onFault(`event ${id}: a gap that ends before it begins`);
    findings.gapSeconds[gap.reason] =
      (findings.gapSeconds[gap.reason] ?? 0) + (gap.end_ms - gap.start_ms) / 1000;
    this.#gaps.add(gap.start_ms, gap.end_ms);
    this.#explained.add(gap.start_ms, gap.end_ms, EDGE_MS);
    const heardMs = this.#sound.overlap(gap.start_ms, gap.end_ms);
    if (heardMs > EDGE_MS && this.#isClockRight)
      this.#parts.onFault(`event ${id}: a gap where there are ${heardMs.toFixed(0)} ms of sound: ${data}`);
  }

  #checkHoles(): void {
    const { list } = this.#explained;
    const wanted = new IntervalSet();
    for (const [index, { end }] of list.entries()) {
      const next = list[index + 1];
      if (next !== undefined && next.start > this.#fromMs)
        wanted.add(Math.max(end, this.#fromMs), next.start);
    }
    for (const hole of wanted.list) {
      for (const { startMs, endMs } of toNextWindows(this.#parts.show, hole.start, 20)) {
        const part = { start: Math.max(hole.start, startMs), end: Math.min(hole.end, endMs) };
        this.#reportHole(part);
      }
    }
  }

  #reportHole({ start, end }: Interval): void {
    const isDated = this.#session?.references.some(({ toleranceMs }) => toleranceMs > ERROR_MS_MAX) === true;
    if (end - start <= (isDated ? DATE_SEAM_MS : EDGE_MS) || this.#reportedHoles.has(start)) return;
    this.#reportedHoles.add(start);
    this.#parts.onFault(
      `unexplained: ${((end - start) / 1000).toFixed(3)} s from ${new Date(start).toISOString()} on`,
    );
  }

  get #seamMs(): number {
    const nowMs = this.#parts.machine.time.elapsedMs;
    if (nowMs <= this.#dateSeamUntilMs) return DATE_SEAM_MS;
    return nowMs <= this.#seamsUntilMs ? EDGE_MS : 0;
  }

  #reportLost(stretch: Stretch): void {
    addTo(this.#forgiven, stretch);
    const lostMs = (stretch.end - stretch.start) / 48;
    this.findings.lostSeconds += lostMs / 1000;
    if (lostMs <= this.#seamMs || this.#isInGap(stretch)) return;
    this.#parts.onFault(`received and lost: ${toText(stretch)}`);
  }

  /** Whether the archive says that it does not have this sound. */
  #isInGap({ epoch, start, end }: Stretch): boolean {
    const [startMs, endMs] = [this.#parts.toTrueMs(epoch, start), this.#parts.toTrueMs(epoch, end)];
    const references = this.#parts.deliveries.connectionsOf(epoch, start).flatMap(toReferences);
    return references.some(({ errorMs }) => {
      const bookedMs = this.#gaps.overlap(startMs + errorMs, endMs + errorMs);
      return bookedMs > 0 && bookedMs > endMs - startMs - 2 * ERROR_MS_MAX;
    });
  }

  /** What was received and is not durable: it is lost where newer sound is durable, and otherwise still on its way. */
  #findMissing(database: DatabaseSync, receivedMs: number): { lost: Stretch[]; atRisk: Stretch[] } {
    const unfinished: Sounds = new Map();
    let newest: End | undefined = this.#session?.end;
    const pieces = database.prepare("SELECT audio_data FROM pieces ORDER BY start_sample").all();
    for (const piece of pieces) {
      const audio = piece["audio_data"];
      if (!(audio instanceof Uint8Array)) continue;
      for (const sound of readSounds(audio)) {
        addTo(unfinished, toStretch(sound));
        newest = { epoch: sound.epoch, sample: sound.sample };
      }
    }
    const missing = this.#parts.deliveries.missing([this.#kept, this.#forgiven, unfinished], receivedMs);
    const isOld = ({ epoch, start }: Stretch): boolean =>
      newest !== undefined && (epoch < newest.epoch || (epoch === newest.epoch && start < newest.sample));
    return { lost: missing.filter(isOld), atRisk: missing.filter((stretch) => !isOld(stretch)) };
  }

  /** Only at a boundary, nothing that is younger than it should be, no event of before. */
  #checkRetention(database: DatabaseSync): void {
    const { show, machine, onFault } = this.#parts;
    const firstId = Number(database.prepare("SELECT min(id) AS id FROM segments").get()?.["id"] ?? 0);
    if (firstId === this.#firstId) return;
    const wasEmpty = this.#firstId === 0;
    this.#firstId = firstId;
    if (wasEmpty) return;
    this.findings.retentionRuns++;
    const boundary = this.#boundaries.find(({ id }) => id === firstId);
    if (boundary === undefined)
      return onFault(`retention left ${firstId} as the first, which is no boundary`);
    const nowMs = machine.time.trueMs + this.#parts.archiveAheadMs + DATE_SEAM_MS;
    if (boundary.timestampMs > nowMs - show.retentionHours * HOUR_MS)
      onFault(`retention deleted what is younger than ${show.retentionHours} h, up to ${firstId}`);
    this.#boundaries = this.#boundaries.filter(({ id }) => id >= firstId);
    const old = database
      .prepare(
        "SELECT count(*) AS n FROM events WHERE max(timestamp_ms, coalesce(json_extract(data, '$.end_ms'), 0)) < ?",
      )
      .get(boundary.timestampMs);
    if (old?.["n"] !== 0) onFault(`retention left ${String(old?.["n"])} events of before`);
  }
}

type EventRow = { id: number; timestampMs: number; kind: string; data: string };

function readEvents(database: DatabaseSync, afterId: number): EventRow[] {
  const rows = database.prepare("SELECT * FROM events WHERE id > ? ORDER BY id").all(afterId);
  return rows.map((row) => ({
    id: Number(row["id"]),
    timestampMs: Number(row["timestamp_ms"]),
    kind: String(row["kind"]),
    data: String(row["data"]),
  }));
}

function* readRows(database: DatabaseSync, afterId: number): Generator<Row> {
  for (const row of database.prepare("SELECT * FROM segments WHERE id > ? ORDER BY id").iterate(afterId)) {
    const audio = row["audio_data"];
    yield {
      id: Number(row["id"]),
      timestampMs: Number(row["timestamp_ms"]),
      isBoundary: row["is_timestamp_from_source"] === 1,
      samples: Number(row["duration_samples"]),
      crc32: Number(row["crc32"]),
      audio: audio instanceof Uint8Array ? audio : new Uint8Array(0),
    };
  }
}

function toStretch({ epoch, sample, samples }: Omit<Heard, "position">): Stretch {
  return { epoch, start: sample, end: sample + samples };
}

function toText({ epoch, start, end }: Stretch): string {
  return `${epoch}:${Math.round(start)}, ${((end - start) / 48).toFixed(0)} ms`;
}
