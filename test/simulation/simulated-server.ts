import { AppError } from "../../src/core/app-error.ts";
import type { StreamConnection, StreamSource } from "../../src/record/stream-source.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Programme } from "./programme.ts";
import { type SendSetting, SimulatedConnection } from "./simulated-connection.ts";
import type { SimulatedMachine, SimulatedProcess } from "./simulated-machine.ts";
import type { Trace } from "./trace.ts";

/** What somebody gets who connects to a server in trouble: a refusal, no answer, or a page of text. */
export type Refusal = "refused" | "hanging" | "page";

export type ServerSetting = SendSetting & {
  /** How far the server's clock is ahead of the truth; `undefined`: it sends no `Date`. */
  dateErrorMs: number | undefined;
};

/** As `http-source.ts` has it. */
const ANSWER_TIMEOUT_MS = 10_000;

/** A first answer takes this much longer than what follows. */
const CONNECT_MS_MAX = 150;

/** What comes so soon after the answer is the burst. */
const BURST_MS = 1000;

export type ServerParts = {
  machine: SimulatedMachine;
  programme: Programme;
  deliveries: Deliveries;
  setting: ServerSetting;
  random: () => number;
  trace: Trace;
};

/** A streaming server with one programme, and all its listeners. */
export class SimulatedServer {
  readonly programme: Programme;
  readonly #parts: ServerParts;
  readonly #connections = new Set<SimulatedConnection>();
  #nextId = 1;
  setting: ServerSetting;
  refusal: Refusal | undefined;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.programme = parts.programme;
    this.setting = parts.setting;
  }

  get connections(): ReadonlySet<SimulatedConnection> {
    return this.#connections;
  }

  /** The way in for one process; when it dies, so do its connections. */
  sourceFor(process: SimulatedProcess): StreamSource {
    return { connect: (_, signal) => this.#connect(process, signal) };
  }

  async #connect(process: SimulatedProcess, signal: AbortSignal): Promise<StreamConnection> {
    const { random, trace, machine, deliveries } = this.#parts;
    const { latencyMs } = this.setting;
    await process.sleep(latencyMs + random() * CONNECT_MS_MAX, signal);
    if (this.refusal === "hanging") await process.sleep(ANSWER_TIMEOUT_MS, signal);
    if (signal.aborted) throw new AppError("network", "aborted");
    if (this.refusal === "refused" || this.refusal === "hanging") {
      trace.add(`connect: ${this.refusal}`);
      throw new AppError("network", this.refusal);
    }
    const dateErrorMs = this.setting.dateErrorMs;
    const serverDateMs =
      dateErrorMs === undefined
        ? undefined
        : Math.floor((machine.time.trueMs - latencyMs + dateErrorMs) / 1000) * 1000;
    if (this.refusal === "page") {
      trace.add("connect: page");
      return { body: toPage(), icyMetaInterval: undefined, serverDateMs, close: () => undefined };
    }
    const id = this.#nextId++;
    trace.add(`connect: ${id}`);
    deliveries.openConnection({ id, wallErrorMs: machine.wallErrorMs, dateErrorMs });
    const connection = new SimulatedConnection({
      time: machine.time,
      programme: this.programme,
      setting: this.setting,
      random,
      onDamage: (stretch) => deliveries.damage(stretch),
      onSend: (stretch) => deliveries.send(id, stretch),
      onRead: (stretch) => {
        const atMs = machine.time.elapsedMs;
        deliveries.receive(stretch, { atMs, isBurst: atMs - openedMs < BURST_MS });
      },
      onClose: () => {
        this.#connections.delete(connection);
        signal.removeEventListener("abort", closeIt);
        forget();
      },
    });
    this.#connections.add(connection);
    const openedMs = machine.time.elapsedMs;
    const closeIt = (): void => connection.close();
    signal.addEventListener("abort", closeIt, { once: true });
    const forget = process.onKill(() => connection.abandon());
    return { body: connection.body, icyMetaInterval: undefined, serverDateMs, close: closeIt };
  }
}

async function* toPage(): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode("<!DOCTYPE html><title>Please log in</title>".repeat(50));
}
