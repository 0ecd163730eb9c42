import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

import type { ShowConfig } from "../../src/config/record-config.ts";
import { toReason } from "../../src/core/app-error.ts";
import type { Log } from "../../src/core/log.ts";
import type { ShowHealth } from "../../src/core/show-health.ts";
import { DiskRoom } from "../../src/record/disk-room.ts";
import { SavePace } from "../../src/record/save-pace.ts";
import { ShowRecorder } from "../../src/record/show-recorder.ts";
import { ShowWriter } from "../../src/store/sqlite-show-writer.ts";
import { SimulatedEncoders } from "./simulated-encoder.ts";
import type { SimulatedMachine, SimulatedProcess } from "./simulated-machine.ts";
import type { SimulatedServer } from "./simulated-server.ts";
import type { Trace } from "./trace.ts";

export type RecorderHostParts = {
  machine: SimulatedMachine;
  server: SimulatedServer;
  show: ShowConfig;
  directory: string;
  random: () => number;
  trace: Trace;
  /** Told of what a recorder may never do. */
  onFault: (text: string) => void;
};

type Running = {
  process: SimulatedProcess;
  encoders: SimulatedEncoders;
  writer: ShowWriter;
  stop: AbortController;
  isOver: boolean;
};

/** Runs the real recorder of a show, with its real database, as a process that can be stopped, killed and started. */
export class SimulatedRecorder {
  readonly #parts: RecorderHostParts;
  #running: Running | undefined;
  #lives = 0;
  #health: ShowHealth | undefined;

  constructor(parts: RecorderHostParts) {
    this.#parts = parts;
  }

  /** The database as it is now. */
  get path(): string {
    return join(this.#directoryOf(this.#lives), `${this.#parts.show.name}.sqlite`);
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get health(): ShowHealth | undefined {
    return this.#running === undefined ? undefined : this.#health;
  }

  start(): void {
    if (this.#running !== undefined) return;
    const { machine, server, show, trace } = this.#parts;
    mkdirSync(this.#directoryOf(this.#lives), { recursive: true });
    trace.add("recorder: start");
    const process = machine.startProcess();
    const encoders = new SimulatedEncoders(process);
    const writer = ShowWriter.open(this.path, show);
    const stop = new AbortController();
    const running: Running = { process, encoders, writer, stop, isOver: false };
    this.#running = running;
    const recorder = new ShowRecorder({
      show,
      writer,
      clock: process,
      source: server.sourceFor(process),
      encode: encoders.encode,
      random: this.#parts.random,
      log: this.#log,
      report: (health) => this.#report(health),
      room: new DiskRoom(dirname(this.path), 0, this.#log),
      pace: new SavePace(1),
      absence: undefined,
      receivers: () => [],
    });
    recorder.run(stop.signal).then(
      () => this.#end(running),
      (error: unknown) => {
        if (process.isKilled) return;
        this.#parts.onFault(`the recorder threw: ${error instanceof Error ? error.stack : toReason(error)}`);
        this.#end(running);
      },
    );
  }

  /** Asks the recorder to stop, and resolves when it has. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#parts.trace.add("recorder: stop");
    running.stop.abort();
    for (let waitedMs = 0; !running.isOver; waitedMs += 100) {
      if (waitedMs > 2000) {
        this.#parts.onFault("the recorder did not stop within 2 s");
        return this.kill();
      }
      await this.#parts.machine.time.wait(100);
    }
  }

  /** Ends the process at once. What it leaves is a copy of its files as they are at this moment. */
  kill(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#parts.trace.add("recorder: kill");
    this.#running = undefined;
    running.process.kill();
    const old = { path: this.path, directory: this.#directoryOf(this.#lives) };
    this.#lives++;
    mkdirSync(this.#directoryOf(this.#lives), { recursive: true });
    for (const suffix of ["", "-wal"]) {
      if (existsSync(old.path + suffix)) copyFileSync(old.path + suffix, this.path + suffix);
    }
    running.writer[Symbol.dispose]();
    // Nobody is left to hear this, but signals that may still abort are kept in memory, with all that listens to them.
    running.stop.abort();
    rmSync(old.directory, { recursive: true });
  }

  /** Lets all encoders die; tells how many there were. */
  killEncoders(): number {
    return this.#running?.encoders.killAll() ?? 0;
  }

  #end(running: Running): void {
    running.isOver = true;
    if (this.#running !== running) return;
    this.#parts.trace.add("recorder: over");
    running.writer[Symbol.dispose]();
    this.#running = undefined;
  }

  #report(health: ShowHealth): void {
    if (health.state !== this.#health?.state) this.#parts.trace.add(`health: ${health.state}`);
    this.#health = health;
  }

  #directoryOf(life: number): string {
    return join(this.#parts.directory, String(life));
  }

  readonly #log: Log = {
    info: (message) => this.#parts.trace.add(`log: ${message}`),
    warn: (message) => this.#parts.trace.add(`warn: ${message}`),
    child: () => this.#log,
  };
}
