/** Every way in which this program fails on purpose. Each has one exit status and one HTTP status. */
export type ErrorCode =
  | "usage" // the command line or a parameter is wrong
  | "config" // the configuration is wrong
  | "missing-tool" // ffmpeg is not there
  | "not-found" // a show, file or directory that does not exist
  | "busy" // a port, directory or database that somebody else holds
  | "not-a-database" // a file that is no database of this program, or is gone
  | "mismatch" // two sides that should agree do not
  | "is-recipient" // a recipient database where a sender's is wanted, or the reverse
  | "unauthorized" // no bearer token, or a wrong one
  | "network" // the other side is away or talks nonsense
  | "disk-full" // no room for what has to be written
  | "disk-failed" // the disk or its file system refuses to read or write
  | "corrupt" // stored bytes are not what was written
  | "unsupported" // understood, but not possible for this show
  | "decoder"; // ffmpeg failed

/** An expected failure. The message names the value that is wrong and tells the operator what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AppError";
    this.code = code;
  }
}

/** What went wrong in one line, for a message that wraps it. */
export function toReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return error.message === "" ? code || error.name : error.message;
}
