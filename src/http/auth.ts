import { createHash, timingSafeEqual } from "node:crypto";

import type { Context, MiddlewareHandler } from "hono";

import { AppError } from "../core/app-error.ts";

/** Whether a request carries the bearer token (RFC 6750). Throws `unauthorized` when it carries another. */
export function hasToken(context: Context, token: string | undefined): boolean {
  if (token === undefined) return true;
  const header = context.req.header("Authorization");
  if (header === undefined) return false;
  const given = /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? "";
  if (timingSafeEqual(toDigest(given), toDigest(token))) return true;
  throw new AppError("unauthorized", "the bearer token is not the right one");
}

/** Lets only requests with the token through; all of them when there is no token. */
export function requireToken(token: string | undefined): MiddlewareHandler {
  return async (context, next) => {
    if (!hasToken(context, token)) throw new AppError("unauthorized", "a bearer token is needed");
    await next();
  };
}

/** Digests have one length, so comparing them tells nothing of the token's. */
function toDigest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
