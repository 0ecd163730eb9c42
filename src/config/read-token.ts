import { readFileSync } from "node:fs";

import { AppError, toReason } from "../core/app-error.ts";

/** Reads a bearer token (RFC 6750) from a file that holds nothing else. */
export function readToken(path: string): string {
  let token: string;
  try {
    token = readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new AppError("config", `cannot read the token file ${path}: ${toReason(error)}`, { cause: error });
  }
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return token;
  throw new AppError(
    "config",
    `the token file ${path} holds no bearer token: one line of letters, digits and -._~+/`,
  );
}
