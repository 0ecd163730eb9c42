import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

import { AppError, toReason } from "../core/app-error.ts";

/** As much of what ffmpeg says as an error quotes. */
const STDERR_CHARS_MAX = 400;

const INSTALL_HINT = "install it (Debian: apt-get install ffmpeg, macOS: brew install ffmpeg)";

/** Throws `missing-tool` when ffmpeg cannot be started. */
export async function requireFfmpeg(): Promise<void> {
  const child = spawn("ffmpeg", ["-hide_banner", "-version"], { stdio: "ignore" });
  try {
    await once(child, "exit");
  } catch (error) {
    throw new AppError("missing-tool", `ffmpeg cannot be started (${toReason(error)}): ${INSTALL_HINT}`, {
      cause: error,
    });
  }
}

/**
 * Runs bytes through one ffmpeg child, which reads `pipe:0` and writes `pipe:1` as `args` say. What it writes to `pipe:3`
 * goes to `onSide` as soon as it comes, whether or not the generator is being read, and all of it before the generator
 * ends; without `onSide` there is no such pipe.
 *
 * The child is gone when the generator has ended, however that came about. Its end before the end of the input, or a
 * status other than 0, is a `decoder` error that comes after all bytes that it has written. What `input` throws is
 * thrown on. An abort ends the child at once.
 */
export async function* runFfmpeg(
  args: readonly string[],
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  onSide?: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  const child = spawn("ffmpeg", ["-hide_banner", "-loglevel", "error", ...args], {
    stdio: Array.from({ length: onSide === undefined ? 3 : 4 }, () => "pipe" as const),
  });
  if (onSide !== undefined) child.stdio[3]?.on("data", onSide);
  const kill = (): boolean => child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  const stderr = collectTail(child.stderr);
  const exit = waitForExit(child);
  const childGone = new AbortController();
  void exit.then(() => childGone.abort());
  const source = watchSource(input);
  const feed = write(source.bytes, child.stdin, childGone.signal).then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    const stdout: AsyncIterable<Uint8Array> = child.stdout;
    yield* stdout;
    const status = await exit;
    const feedError = await feed;
    signal.throwIfAborted();
    if (source.failure !== undefined) throw source.failure.error;
    if (status !== 0 || feedError !== undefined) {
      const said = stderr.text.trim().replaceAll(/\s+/g, " ") || toReason(feedError ?? "it said nothing");
      throw new AppError("decoder", `ffmpeg ended with ${status}: ${said}`);
    }
  } finally {
    signal.removeEventListener("abort", kill);
    kill();
    await exit;
  }
}

/** Writes all of `input` as fast as the child takes it; rejects when the child does not take it all. */
async function write(
  input: AsyncIterable<Uint8Array>,
  stdin: Writable,
  childGone: AbortSignal,
): Promise<void> {
  // A child that is gone may refuse a write after nobody waits for it any more; its status tells why.
  stdin.on("error", () => undefined);
  for await (const bytes of input) {
    childGone.throwIfAborted();
    if (!stdin.write(bytes)) await once(stdin, "drain", { signal: childGone });
  }
  childGone.throwIfAborted();
  stdin.end();
}

/** Passes bytes on and keeps what their source throws, which is not ffmpeg's fault. */
function watchSource(input: AsyncIterable<Uint8Array>): {
  bytes: AsyncGenerator<Uint8Array>;
  failure: { error: unknown } | undefined;
} {
  async function* watch(): AsyncGenerator<Uint8Array> {
    try {
      yield* input;
    } catch (error) {
      source.failure = { error };
    }
  }
  const source: ReturnType<typeof watchSource> = { bytes: watch(), failure: undefined };
  return source;
}

function collectTail(stream: Readable): { text: string } {
  const tail = { text: "" };
  stream.setEncoding("utf8").on("data", (text: string) => {
    tail.text = (tail.text + text).slice(-STDERR_CHARS_MAX);
  });
  return tail;
}

/** The exit status, or the signal, or why the child did not start. */
function waitForExit(child: ChildProcessWithoutNullStreams): Promise<number | string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(toReason(error)));
    child.once("close", (status, signal) => resolve(status ?? signal ?? "no status"));
  });
}
