/** Where a program tells its operator what it does. */
export interface Log {
  info(message: string): void;
  /** Something that is not as it should be; `error` is what it came from. */
  warn(message: string, error?: unknown): void;
  /** The same, with `name` before each message. */
  child(name: string): Log;
}
