import { rmSync } from "node:fs";

import type { ShowConfig } from "../../src/config/record-config.ts";
import { createRandom } from "../support/random.ts";
import { toNextWindow } from "../../src/record/schedule.ts";
import { ArchiveChecker, type Findings } from "./archive-checker.ts";
import { Deliveries } from "./deliveries.ts";
import type { Fault, PlannedFault } from "./fault-plan.ts";
import { Programme } from "./programme.ts";
import { type FormatName, SIMULATED_FORMATS } from "./simulated-frame.ts";
import { SimulatedMachine } from "./simulated-machine.ts";
import { SimulatedRecorder } from "./simulated-recorder.ts";
import { type ServerSetting, SimulatedServer } from "./simulated-server.ts";
import { toArchiveAheadMs } from "./time-reference.ts";
import { createSimulationDirectory } from "./simulation-directory.ts";
import { Trace } from "./trace.ts";
import { VirtualTime } from "./virtual-time.ts";

/** Beyond this, faults only repeat each other. */
const FAULTS_MAX = 50;

/** The station has been on for so long when the recorder comes. */
const ON_AIR_BEFORE_MS = 60_000;

/** The longest pause between two attempts, and then as long as it takes to be heard. */
const RECOVERY_MS = 60_000;

/** The archive is looked at after each fault, when it has had its effect, and regularly. */
const CHECK_AFTER_MS_MAX = 20_000;
const CHECK_EVERY_MS = 60_000;

export type Scenario = {
  seed: number;
  durationMs: number;
  /** True Unix time of the beginning. */
  startMs: number;
  show: ShowConfig;
  format: FormatName;
  driftPpm: number;
  server: ServerSetting;
  faults: readonly PlannedFault[];
};

export type Outcome = {
  /** Equal for equal seeds. */
  digest: string;
  traceLines: number;
  /** What should not be; empty for a recorder that keeps its promises. */
  faults: readonly string[];
  findings: Findings;
  /** Memory in use after each simulated hour, when the collector can be called. */
  heapBytes: readonly number[];
};

/** Records a simulated station through a row of faults with the real recorder, and checks the archive after each. */
export async function simulate(
  scenario: Scenario,
  options: { writeTrace?: (line: string) => void } = {},
): Promise<Outcome> {
  const directory = createSimulationDirectory();
  try {
    return await new Simulation(scenario, directory, options.writeTrace).run();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #time: VirtualTime;
  readonly #machine: SimulatedMachine;
  readonly #server: SimulatedServer;
  readonly #recorder: SimulatedRecorder;
  readonly #checker: ArchiveChecker;
  readonly #trace: Trace;
  readonly #random: () => number;
  readonly #faults: string[] = [];
  readonly #heapBytes: number[] = [];
  #healing = 0;

  constructor(scenario: Scenario, directory: string, write?: (line: string) => void) {
    const { seed, startMs, show } = scenario;
    this.#scenario = scenario;
    this.#time = new VirtualTime(startMs);
    this.#trace = new Trace(() => this.#time.elapsedMs, write);
    this.#machine = new SimulatedMachine(this.#time);
    this.#random = createRandom(seed + 1).random;
    const deliveries = new Deliveries();
    const programme = new Programme({
      startMs: startMs - ON_AIR_BEFORE_MS,
      format: SIMULATED_FORMATS[scenario.format],
      driftPpm: scenario.driftPpm,
    });
    const world = { machine: this.#machine, trace: this.#trace, onFault: this.#onFault };
    this.#server = new SimulatedServer({
      ...world,
      programme,
      deliveries,
      setting: scenario.server,
      random: createRandom(seed + 2).random,
    });
    this.#recorder = new SimulatedRecorder({
      ...world,
      server: this.#server,
      show,
      directory,
      random: createRandom(seed + 3).random,
    });
    this.#checker = new ArchiveChecker({
      ...world,
      show,
      deliveries,
      archiveAheadMs: toArchiveAheadMs(scenario.server.dateErrorMs),
      toTrueMs: (epoch, sample) => programme.toTrueMs(epoch, sample),
    });
  }

  async run(): Promise<Outcome> {
    const { durationMs, faults } = this.#scenario;
    if (faults.some(({ fault }) => fault.kind === "clock-step")) this.#checker.expectClockSteps();
    for (const { atMs, fault } of faults) this.#time.after(atMs, () => this.#strike(fault));
    this.#checkRegularly();
    this.#recorder.start();
    // It is killed and stopped again and again; in the end nobody but this starts it.
    this.#time.after(durationMs, () => this.#recorder.start());
    const hours = Math.ceil(durationMs / 3_600_000);
    for (let hour = 1; hour <= hours && this.#faults.length < FAULTS_MAX; hour++) {
      await this.#time.pass(Math.min(3_600_000, durationMs - this.#time.elapsedMs));
      if (globalThis.gc !== undefined) {
        globalThis.gc();
        const { heapUsed, external } = process.memoryUsage();
        this.#heapBytes.push(heapUsed + external);
      }
    }
    await this.#recover();
    let isStopped = false;
    const stoppedMs = this.#machine.wallMs;
    void this.#recorder.stop().then(() => (isStopped = true));
    await this.#time.pass(5000, () => isStopped);
    this.#checker.checkEnd(this.#recorder.path, stoppedMs);
    return {
      digest: this.#trace.digest(),
      traceLines: this.#trace.count,
      faults: this.#faults,
      findings: this.#checker.findings,
      heapBytes: this.#heapBytes,
    };
  }

  /** Everything is well from now on, and the recorder has to record. */
  async #recover(): Promise<void> {
    this.#server.refusal = undefined;
    this.#machine.wallErrorMs = 0;
    this.#healing++;
    await this.#time.pass(RECOVERY_MS);
    const isDue = toNextWindow(this.#scenario.show, this.#machine.wallMs).startMs <= this.#machine.wallMs;
    if (isDue && this.#recorder.health?.state !== "recording") this.#onFault("it does not record any more");
  }

  #checkRegularly(): void {
    this.#time.after(CHECK_EVERY_MS, () => {
      this.#checker.check(this.#recorder.path);
      this.#checkRegularly();
    });
  }

  #strike(fault: Fault): void {
    this.#trace.add(`fault: ${JSON.stringify(fault)}`);
    this.#act(fault);
    const checkInMs = this.#random() * CHECK_AFTER_MS_MAX;
    this.#time.after(checkInMs, () => this.#checker.check(this.#recorder.path));
  }

  #act(fault: Fault): void {
    const connections = [...this.#server.connections];
    switch (fault.kind) {
      case "drop":
        for (const connection of connections) connection.drop(fault.how);
        break;
      case "outage":
        for (const connection of connections) connection.drop("reset");
        this.#refuse(fault.refusal, fault.ms);
        break;
      case "stall":
        // A burst brings what the recorder does not have.
        if (fault.end === "lost") this.#checker.expectSeams();
        for (const connection of connections) connection.stall(fault.ms, fault.end);
        break;
      case "freeze":
        for (const connection of connections) connection.stall(fault.ms, "backlog");
        this.#refuse("hanging", fault.ms);
        break;
      case "damage":
      case "garbage":
        this.#checker.expectSeams();
        for (const connection of connections) connection.damage(fault);
        break;
      case "encoder-restart":
        this.#restartEncoder(fault);
        break;
      case "kill":
        this.#kill(fault.downMs);
        break;
      case "stop":
        void this.#stop(fault.downMs);
        break;
      case "clock-step":
        this.#machine.wallErrorMs = fault.ms;
        break;
      case "decoder":
        // A decoder that dies twice in a row is spared the frames that it may have choked on.
        this.#checker.expectSeams();
        this.#recorder.killEncoders();
        break;
      case "burst":
        this.#server.setting = { ...this.#server.setting, burstMs: fault.burstMs };
        break;
    }
  }

  #refuse(refusal: SimulatedServer["refusal"], ms: number): void {
    this.#server.refusal = refusal;
    const healing = ++this.#healing;
    this.#time.after(ms, () => {
      if (healing === this.#healing) this.#server.refusal = undefined;
    });
  }

  #restartEncoder(fault: Extract<Fault, { kind: "encoder-restart" }>): void {
    const { programme, connections } = this.#server;
    this.#checker.expectSeams();
    programme.restart(this.#time.trueMs, fault.pauseMs, SIMULATED_FORMATS[fault.format]);
    if (fault.how === "unnoticed") return;
    for (const connection of connections) connection.drop(fault.how);
    this.#refuse("refused", fault.pauseMs);
  }

  #kill(downMs: number): void {
    if (!this.#recorder.isRunning) return;
    this.#recorder.kill();
    this.#checker.checkKill(this.#recorder.path);
    this.#time.after(downMs, () => this.#recorder.start());
  }

  async #stop(downMs: number): Promise<void> {
    await this.#recorder.stop();
    this.#time.after(downMs, () => this.#recorder.start());
  }

  readonly #onFault = (text: string): void => {
    this.#trace.add(`FAULT ${text}`);
    if (this.#faults.length < FAULTS_MAX) {
      this.#faults.push(`${(this.#time.elapsedMs / 1000).toFixed(3)} s: ${text}`);
    }
  };
}
