const EXIT_STATUSES = { SIGINT: 130, SIGTERM: 143 } as const;

type StopSignal = keyof typeof EXIT_STATUSES;

/** The first SIGINT or SIGTERM asks the program to end; a second one ends it at once. */
export class StopSignals implements Disposable {
  readonly #stop = new AbortController();
  #received: StopSignal | undefined;

  constructor() {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, this.#onSignal);
  }

  /** Aborts at the first signal. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The exit status of a command that a signal ended before it was done. */
  get exitStatus(): number {
    return EXIT_STATUSES[this.#received ?? "SIGTERM"];
  }

  [Symbol.dispose](): void {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, this.#onSignal);
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    if (name !== "SIGINT" && name !== "SIGTERM") return;
    if (this.#received !== undefined) process.exit(EXIT_STATUSES[name]);
    this.#received = name;
    this.#stop.abort();
  };
}

/** What a command that was ended before it was done throws, so that no script takes it for done. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}

/** Runs work that has an end of its own; whatever an abort makes of it is a `StoppedError`. */
export async function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (signal.aborted) throw new StoppedError("stopped", { cause: error });
    throw error;
  }
}

/** Resolves when the signal aborts. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => {
    signal.addEventListener("abort", resolve, { once: true });
  });
}
