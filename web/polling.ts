/** Milliseconds between two rounds while all is well, and at most while it is not. */
const INTERVAL_MS = 5000;
const INTERVAL_MAX_MS = 60_000;

export type PollingParts = {
  round: (signal: AbortSignal) => Promise<void>;
  onSuccess: () => void;
  onFailure: (error: unknown, nextMs: number) => void;
  /** Fulfilled after so long, or as soon as the signal is aborted. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  random?: () => number;
};

export type Polling = {
  /** Begins a round at once, in place of one that is under way: there is never more than one. */
  start: () => void;
  stop: () => void;
};

/** Repeats a round for ever, less and less often while it fails. */
export function createPolling(parts: PollingParts): Polling {
  let current = new AbortController();
  const stop = (): void => current.abort();
  const start = (): void => {
    stop();
    current = new AbortController();
    void poll(parts, current.signal);
  };
  return { start, stop };
}

async function poll(parts: PollingParts, signal: AbortSignal): Promise<void> {
  const { round, onSuccess, onFailure, sleep = sleepFor, random = Math.random } = parts;
  let failures = 0;
  while (!signal.aborted) {
    let delayMs = INTERVAL_MS;
    try {
      await round(signal);
      failures = 0;
      if (!signal.aborted) onSuccess();
    } catch (error) {
      failures += 1;
      delayMs = toDelayMs(failures, random);
      if (!signal.aborted) onFailure(error, delayMs);
    }
    await sleep(delayMs, signal);
  }
}

/** Doubles with every failure; drawn from the upper half, so that many open pages do not come back together. */
function toDelayMs(failures: number, random: () => number): number {
  return Math.min(INTERVAL_MAX_MS, INTERVAL_MS * 2 ** Math.min(failures, 30)) * (0.5 + random() / 2);
}

function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = (): void => {
    clearTimeout(timer);
    resolve();
  };
  if (signal.aborted) wake();
  signal.addEventListener("abort", wake, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", wake));
}
