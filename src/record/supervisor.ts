import { join } from "node:path";

import { encodeWithFfmpeg } from "../audio/encoder.ts";
import type { RecordConfig, ShowConfig } from "../config/record-config.ts";
import { AppError, toReason } from "../core/app-error.ts";
import { type Backoff, toBackoffMs } from "../core/backoff.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import { toSegmentBytesMax } from "../core/segment.ts";
import { type ShowHealth, type ShowState, toNewHealth } from "../core/show-health.ts";
import { DATABASE_SUFFIX } from "../store/sqlite-schema.ts";
import { Receivers } from "../store/receivers.ts";
import { ShowWriter } from "../store/sqlite-show-writer.ts";
import { DiskRoom } from "./disk-room.ts";
import type { Absence } from "./downtime.ts";
import { httpSource } from "./http-source.ts";
import { SavePace } from "./save-pace.ts";
import { ShowRecorder } from "./show-recorder.ts";

/** How long a show rests whose recorder failed: a bug comes again, and a disk that fails should not be hammered. */
const RESTART: Backoff = { firstMs: 2000, maxMs: 30_000 };

/** A recorder that held for this long was well: the next failure starts the back-off anew. */
const WELL_AFTER_MS = 60_000;

const LOOK_FOR_ROOM_MS = 1000;

export type SupervisorParts = {
  config: Pick<RecordConfig, "outputDir" | "shows">;
  log: Log;
  report: (health: ShowHealth) => void;
};

/** The path of a show's database. */
export function toDatabasePath(outputDir: string, show: Pick<ShowConfig, "name">): string {
  return join(outputDir, show.name + DATABASE_SUFFIX);
}

/** Records all shows beside each other until `signal` aborts. What fails in one of them costs the others nothing. */
export async function superviseShows(parts: SupervisorParts, signal: AbortSignal): Promise<void> {
  const { config, log } = parts;
  const segmentBytesMax = Math.max(0, ...config.shows.map(({ format }) => toSegmentBytesMax(format)));
  const room = new DiskRoom(config.outputDir, segmentBytesMax, log);
  room.look();
  const reporter = new Reporter(parts.report, room);
  const shows = config.shows.map((show) =>
    new Supervised(show, { ...parts, room, reporter }, systemClock).run(signal),
  );
  await Promise.all([watchRoom(room, reporter, signal), ...shows]);
}

async function watchRoom(room: DiskRoom, reporter: Reporter, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const wasFull = room.isFull;
    room.look();
    if (room.isFull !== wasFull) reporter.repeat();
    await systemClock.sleep(LOOK_FOR_ROOM_MS, signal);
  }
}

/** Passes on what the shows tell. That the disk is full is told of all of them, also of those that still have some seconds. */
class Reporter {
  readonly #report: SupervisorParts["report"];
  readonly #room: DiskRoom;
  readonly #told = new Map<string, ShowHealth>();

  constructor(report: SupervisorParts["report"], room: DiskRoom) {
    this.#report = report;
    this.#room = room;
  }

  readonly tell = (health: ShowHealth): void => {
    this.#told.set(health.name, health);
    this.#report(this.#room.isFull ? { ...health, state: "disk-full" } : health);
  };

  tellState(name: string, state: ShowState): void {
    this.tell({ ...(this.#told.get(name) ?? toNewHealth(name)), state });
  }

  repeat(): void {
    for (const health of this.#told.values()) this.tell(health);
  }
}

/** One show, whose recorder is made anew when it fails. */
class Supervised {
  readonly #show: ShowConfig;
  readonly #parts: SupervisorParts & { room: DiskRoom; reporter: Reporter };
  readonly #clock: Clock;
  readonly #log: Log;
  #failures = 0;
  #absence: Absence | undefined;

  constructor(
    show: ShowConfig,
    parts: SupervisorParts & { room: DiskRoom; reporter: Reporter },
    clock: Clock,
  ) {
    this.#show = show;
    this.#parts = parts;
    this.#clock = clock;
    this.#log = parts.log.child(show.name);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startMs = this.#clock.monotonicMs();
      try {
        await this.#record(signal);
      } catch (error) {
        if (this.#clock.monotonicMs() - startMs > WELL_AFTER_MS) this.#failures = 0;
        await this.#rest(error, signal);
      }
    }
  }

  async #record(signal: AbortSignal): Promise<void> {
    const { config, room, reporter } = this.#parts;
    const show = this.#show;
    using writer = ShowWriter.open(toDatabasePath(config.outputDir, show), show, room.ballast);
    const recorder = new ShowRecorder({
      show,
      writer,
      clock: this.#clock,
      random: Math.random,
      log: this.#log,
      source: httpSource,
      encode: encodeWithFfmpeg,
      report: reporter.tell,
      room,
      pace: new SavePace(config.shows.length),
      receivers: () => new Receivers(config.outputDir).list({ name: show.name, uniqueId: writer.uniqueId }),
      absence: this.#absence,
    });
    await recorder.run(signal);
  }

  /** Radio goes on while a bug or a disk is looked at: the show is opened anew, and the log has the error. */
  async #rest(error: unknown, signal: AbortSignal): Promise<void> {
    const { reporter, room } = this.#parts;
    const state = toState(error);
    const reason = state === "failed" ? "crashed" : state;
    const isNews = this.#absence?.reason !== reason || reason !== "disk-full";
    const restMs =
      reason === "disk-full" ? LOOK_FOR_ROOM_MS : toBackoffMs(RESTART, this.#failures++, Math.random);
    if (isNews)
      this.#log.warn(`the recorder failed; it starts again in ${(restMs / 1000).toFixed(1)} s`, error);
    this.#absence = {
      sinceMs: this.#absence?.sinceMs ?? this.#clock.nowMs(),
      reason,
      detail: toDetail(error),
    };
    if (reason === "disk-full") room.ballast.release();
    reporter.tellState(this.#show.name, state);
    await this.#clock.sleep(restMs, signal);
  }
}

/** What the gap tells of it, to whoever reads the archive: no path of this machine. */
function toDetail(error: unknown): string {
  if (!(error instanceof AppError)) return "";
  return error.cause === undefined ? error.code : toReason(error.cause);
}

function toState(error: unknown): "disk-full" | "disk-failed" | "failed" {
  const code = error instanceof AppError ? error.code : undefined;
  return code === "disk-full" || code === "disk-failed" ? code : "failed";
}
