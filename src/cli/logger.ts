import { Writable } from "node:stream";

import { pino, type Logger } from "pino";
import { PinoPretty } from "pino-pretty";

import type { Log } from "../core/log.ts";
import { toPrintable } from "./printable.ts";

/** As much waits in memory where the log cannot be written, and comes when it can; what is more is left out. */
const WAITING_BYTES_MAX = 256 * 1024;

/**
 * Lines of text on stderr, with the local time: what a person reads in a terminal or in the journal. Control characters in a message
 * are escaped, since parts of it come from strangers.
 */
export function createLogger(): Log {
  const stderr = pino.destination({ dest: 2, sync: true, maxLength: WAITING_BYTES_MAX });
  // Its disk may be the one that is full: recording does not end because nobody can be told.
  stderr.on("error", () => undefined);
  const lines = PinoPretty({
    // A stream that has failed once is given up by those that write to it; this one never fails.
    destination: new Writable({
      write(chunk, _encoding, done) {
        stderr.write(String(chunk));
        done();
      },
    }),
    colorize: process.stderr.isTTY,
    translateTime: "SYS:yyyy-mm-dd HH:MM:ss.l",
    ignore: "pid,hostname,show",
    messageFormat: (log, key) =>
      `${typeof log["show"] === "string" ? `${log["show"]}: ` : ""}${String(log[key])}`,
  });
  return toLog(pino({ base: null }, lines));
}

function toLog(logger: Logger): Log {
  return {
    info: (message) => logger.info(toPrintable(message)),
    warn: (message, error) =>
      error === undefined
        ? logger.warn(toPrintable(message))
        : logger.warn({ err: error }, toPrintable(message)),
    child: (name) => toLog(logger.child({ show: name })),
  };
}
