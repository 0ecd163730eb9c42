import type { Context } from "hono";

import { AppError, type ErrorCode } from "../core/app-error.ts";

type Status = 400 | 401 | 404 | 409 | 500 | 502 | 503;

/**
 * The HTTP status of each error, and what the answer says of it. `undefined`: the error's own message, which for these codes is written for
 * strangers and holds no path.
 */
const PROBLEMS: Readonly<Record<ErrorCode, { status: Status; detail: string | undefined }>> = {
  usage: { status: 400, detail: undefined },
  unauthorized: { status: 401, detail: undefined },
  "not-found": { status: 404, detail: undefined },
  "is-recipient": { status: 409, detail: undefined },
  unsupported: { status: 409, detail: undefined },
  busy: { status: 503, detail: "the show's database is busy" },
  "disk-full": { status: 503, detail: "the disk is full" },
  "disk-failed": { status: 503, detail: "the server's disk fails" },
  network: { status: 502, detail: "another server failed" },
  decoder: { status: 500, detail: "the audio could not be converted" },
  corrupt: { status: 500, detail: "the show's database is damaged" },
  "not-a-database": { status: 500, detail: "the show's database cannot be read" },
  mismatch: { status: 500, detail: "the show's database cannot be read" },
  config: { status: 500, detail: "the server is configured wrongly" },
  "missing-tool": { status: 500, detail: "the server lacks a program" },
};

const TITLES: Readonly<Record<Status, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  409: "Conflict",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
};

/** Answers an error as `application/problem+json` (RFC 9457), without a path, SQL or a stack. */
export function toProblem(error: unknown, context: Context): Response {
  const { status, detail } =
    error instanceof AppError
      ? PROBLEMS[error.code]
      : { status: 500 as const, detail: "something unforeseen happened" };
  const message = detail ?? (error instanceof Error ? error.message : "");
  if (status === 401) context.header("WWW-Authenticate", "Bearer");
  return context.body(
    JSON.stringify({ type: "about:blank", title: TITLES[status], status, detail: message }),
    status,
    {
      "Content-Type": "application/problem+json",
    },
  );
}
