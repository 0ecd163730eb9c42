import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The checkout that the tests run in. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

export type CliOptions = {
  /** The checkout when absent. */
  cwd?: string;
  /** Added to this process's environment; undefined takes a variable away. */
  env?: Readonly<Record<string, string | undefined>>;
  /** The child is killed after this time, and `runCli` fails; default 30 s there, none in `startCli`. */
  timeoutMs?: number;
  /** Kills the child when aborted. */
  signal?: AbortSignal;
};

export type CliResult = {
  /** Undefined when a signal ended the process. */
  status: number | undefined;
  signal: NodeJS.Signals | undefined;
  stdout: string;
  stderr: string;
};

/** A process that a test talks to while it runs. Bind it with `await using`, and it is stopped however the test ends. */
export interface RunningProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What was printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Settles once the process has ended and all that it printed is here. */
  readonly exited: Promise<CliResult>;
  /** The first match among the lines of both streams, earlier ones included; fails when the process ends without it. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  /** Asks with SIGTERM, insists with SIGKILL after `graceMs`, and resolves once the process is gone. */
  stop(graceMs?: number): Promise<CliResult>;
}

const running = new Set<ChildProcess>();
let isCleaningUp = false;

/** A test file may also end by an error, or be killed by the runner because it hangs; no child outlives it. */
function cleanUpAtExit(): void {
  if (isCleaningUp) return;
  isCleaningUp = true;
  process.on("exit", () => {
    for (const child of running) child.kill("SIGKILL");
  });
  for (const [signal, status] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const) {
    process.once(signal, () => process.exit(status));
  }
}

/** Starts any command without a shell. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: CliOptions = {},
): RunningProcess {
  cleanUpAtExit();
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    // The runner's own variables would make a Node that is tested believe that it is a test file.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const output = { stdout: "", stderr: "" };
  const watchers = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      for (const look of watchers) look();
    });
  }
  const kill = (): boolean => child.kill("SIGKILL");
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(kill, options.timeoutMs);
  options.signal?.addEventListener("abort", kill, { once: true });

  let drain: NodeJS.Timeout | undefined;
  const closePipes = (): void => {
    child.stdout.destroy();
    child.stderr.destroy();
  };
  const exited = new Promise<CliResult>((resolve, reject) => {
    child.on("error", reject);
    // A grandchild may hold the pipes open; what it prints later belongs to nobody.
    child.on("exit", () => (drain = setTimeout(closePipes, 1000)));
    child.on("close", (code, signal) => {
      resolve({ status: code ?? undefined, signal: signal ?? undefined, ...output });
    });
  }).finally(() => {
    running.delete(child);
    clearTimeout(timer);
    clearTimeout(drain);
    options.signal?.removeEventListener("abort", kill);
  });
  // Whoever waits for the end hears of a command that does not exist; a test that only waits for a line must not crash.
  exited.catch(() => {});
  if (options.signal?.aborted === true) kill();

  return new StartedProcess(child, output, watchers, exited);
}

class StartedProcess implements RunningProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<CliResult>;
  readonly #output: { stdout: string; stderr: string };
  readonly #watchers: Set<() => void>;

  constructor(
    child: ChildProcess,
    output: { stdout: string; stderr: string },
    watchers: Set<() => void>,
    exited: Promise<CliResult>,
  ) {
    this.child = child;
    this.exited = exited;
    this.#output = output;
    this.#watchers = watchers;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.child.spawnfile} did not start`);
    return this.child.pid;
  }

  get stdout(): string {
    return this.#output.stdout;
  }

  get stderr(): string {
    return this.#output.stderr;
  }

  waitForLine(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    // Without these flags a pattern keeps no place between two looks.
    const line = new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ""));
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const fail = (why: string): void =>
      reject(new Error(`${why} ${String(pattern)}; printed so far:\n${this.stdout}${this.stderr}`));
    const look = (): void => {
      // The last piece may be half a line.
      const lines = [this.stdout, this.stderr].flatMap((text) => text.split("\n").slice(0, -1));
      const match = lines.map((text) => line.exec(text)).find((found) => found !== null);
      if (match !== undefined) resolve(match);
    };
    const timer = setTimeout(() => fail(`no line within ${timeoutMs} ms matched`), timeoutMs);
    this.#watchers.add(look);
    look();
    const ended = (): void => fail("the process ended without a line that matches");
    this.exited.then(ended, ended);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#watchers.delete(look);
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async stop(graceMs = 5000): Promise<CliResult> {
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => {});
  }
}

/** Runs a command to its end, whatever its status; fails when that takes longer than `timeoutMs`, by default 30 s. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  const { timeoutMs = 30_000, ...others } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = others.signal === undefined ? timeout : AbortSignal.any([others.signal, timeout]);
  const result = await startProcess(command, args, { ...others, signal }).exited;
  if (timeout.aborted) {
    const what = [command, ...args].join(" ");
    throw new Error(`${what} took longer than ${timeoutMs} ms:\n${result.stdout}${result.stderr}`);
  }
  return result;
}

/** The program's entry, from source. */
export const mainPath: string = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** Runs the program from source to its end. No shell is involved, so pid and signals are the program's. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runProcess(process.execPath, [mainPath, ...args], options);
}

/** Starts the program from source. */
export function startCli(args: readonly string[], options: CliOptions = {}): RunningProcess {
  return startProcess(process.execPath, [mainPath, ...args], options);
}
