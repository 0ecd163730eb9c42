import { readFileSync } from "node:fs";

import { Command, CommanderError } from "commander";

import { AppError, type ErrorCode, toReason } from "../core/app-error.ts";
import { toPrintable } from "./printable.ts";
import { StoppedError, StopSignals } from "./stop-signals.ts";

type AddCommand = (program: Command, signal: AbortSignal) => void;

/** Each is loaded when it is wanted: what the others need would be most of the memory and of the time to start. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  record: async () => (await import("./record.ts")).addRecordCommand,
  sync: async () => (await import("./sync.ts")).addSyncCommand,
  serve: async () => (await import("./serve.ts")).addServeCommand,
  verify: async () => (await import("./verify.ts")).addVerifyCommand,
  demo: async () => (await import("./demo.ts")).addDemoCommand,
};

const USAGE_CODES: readonly ErrorCode[] = ["usage", "config"];

/** Runs one command line, without the program's own name; returns the exit status. */
export async function runProgram(args: readonly string[]): Promise<number> {
  using stop = new StopSignals();
  const program = await createProgram(args, stop);
  try {
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (error instanceof StoppedError) return stop.exitStatus;
    process.stderr.write(toErrorText(error, program.opts<{ debug?: true }>().debug === true));
    return isUsageError(error) ? 2 : 1;
  }
}

/** A command line that does not begin with a command may need all of them, for the help. */
async function createProgram(args: readonly string[], stop: StopSignals): Promise<Command> {
  const program = new Command("save_audio_stream");
  program
    .description(
      "Records live radio so that nothing is lost, brings it home over any link, plays back any moment.",
    )
    .version(readVersion(), "-V, --version")
    .option("--debug", "show where in the program an error came from")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  const name = args.find((arg) => !arg.startsWith("-")) ?? "";
  const wanted = Object.entries(COMMANDS).filter(([known]) => known === name);
  for (const [, load] of wanted.length > 0 ? wanted : Object.entries(COMMANDS)) {
    (await load())(program, stop.signal);
  }
  addHelpCommand(program);
  // Behind the commands, which would inherit it.
  program.allowExcessArguments().action(() => {
    throw toCommandError(program.args[0]);
  });
  return program;
}

/** The ready-made one answers an unknown command with the whole help and no reason. */
function addHelpCommand(program: Command): void {
  program
    .command("help")
    .description("tell more about a command")
    .argument("[command]")
    .action((name?: string) => {
      if (name === undefined) program.help();
      const command = program.commands.find((known) => known.name() === name);
      if (command === undefined) throw toCommandError(name);
      command.help();
    });
}

function toCommandError(name: string | undefined): AppError {
  const what = name === undefined ? "no command given" : `there is no command "${name}"`;
  return new AppError("usage", `${what}; save_audio_stream --help lists them`);
}

function isUsageError(error: unknown): boolean {
  if (error instanceof CommanderError) return true;
  return error instanceof AppError && USAGE_CODES.includes(error.code);
}

/** One line that begins with `error: `, and the stack below it when that is wanted. */
function toErrorText(error: unknown, withStack: boolean): string {
  const reason = toReason(error)
    .replace(/^error: /, "")
    .replaceAll(/\s*\n\s*/g, " ");
  const stack = withStack && error instanceof Error ? `${error.stack ?? ""}\n` : "";
  return `error: ${toPrintable(reason)}\n${stack}`;
}

function readVersion(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  return version;
}
