import type { Clock } from "../../src/core/clock.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** The machine on which the recorder runs: a wall clock that may be wrong, and processes that may be killed. */
export class SimulatedMachine {
  readonly time: VirtualTime;
  /** How far the wall clock is ahead of the truth. */
  wallErrorMs = 0;

  constructor(time: VirtualTime) {
    this.time = time;
  }

  get wallMs(): number {
    return this.time.trueMs + this.wallErrorMs;
  }

  startProcess(): SimulatedProcess {
    return new SimulatedProcess(this);
  }
}

/** A process: once it is killed, its sleeps never end and nothing reaches it any more. */
export class SimulatedProcess implements Clock {
  readonly #machine: SimulatedMachine;
  readonly #startMs: number;
  readonly #onKill = new Set<() => void>();
  #isKilled = false;

  constructor(machine: SimulatedMachine) {
    this.#machine = machine;
    this.#startMs = machine.time.elapsedMs;
  }

  get isKilled(): boolean {
    return this.#isKilled;
  }

  nowMs(): number {
    return this.#machine.wallMs;
  }

  monotonicMs(): number {
    return this.#machine.time.elapsedMs - this.#startMs;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#isKilled) return new Promise(() => undefined);
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#machine.time.after(ms, () => over());
      const over = (): void => {
        cancel();
        signal.removeEventListener("abort", over);
        this.#onKill.delete(die);
        resolve();
      };
      const die = (): void => {
        cancel();
        signal.removeEventListener("abort", over);
      };
      signal.addEventListener("abort", over, { once: true });
      this.#onKill.add(die);
    });
  }

  /** Calls `action` when the process is killed; returns how to take that back. */
  onKill(action: () => void): () => void {
    this.#onKill.add(action);
    return () => this.#onKill.delete(action);
  }

  kill(): void {
    this.#isKilled = true;
    for (const action of this.#onKill) action();
    this.#onKill.clear();
  }
}
