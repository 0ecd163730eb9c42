import type { Context } from "hono";

import { AppError } from "../core/app-error.ts";

/** A whole number in the query; `undefined` when it is absent. Anything else, and a repeated one, is a `usage` error. */
export function readWholeNumber(context: Context, name: string): number | undefined {
  const text = readOnce(context, name);
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new AppError(
    "usage",
    `${name} is ${quote(text)}; a whole number from 0 to ${Number.MAX_SAFE_INTEGER} is needed`,
  );
}

/** The same, for one that has to be there. */
export function requireWholeNumber(context: Context, name: string): number {
  const value = readWholeNumber(context, name);
  if (value !== undefined) return value;
  throw new AppError("usage", `the parameter ${name} is missing`);
}

/** `start_id` and `end_id`, both needed and in order. */
export function requireIdRange(context: Context): { startId: number; endId: number } {
  const startId = requireWholeNumber(context, "start_id");
  const endId = requireWholeNumber(context, "end_id");
  if (startId <= endId) return { startId, endId };
  throw new AppError("usage", `start_id ${startId} lies behind end_id ${endId}`);
}

/**
 * `limit`, clamped to 1 to `max`: no whole number is too large, not even one that a number here cannot hold, and 0 is
 * answered with one row, because an empty answer says that there is none.
 */
export function readLimit(context: Context, absent: number, max: number): number {
  const text = readOnce(context, "limit") ?? String(absent);
  if (!/^\d+$/.test(text)) throw new AppError("usage", `limit is ${quote(text)}; a whole number is needed`);
  return Math.min(Math.max(1, Number(text)), max);
}

/** `from` and `to` as Unix milliseconds, both needed and in order: ISO 8601 with an offset, or Unix milliseconds. */
export function requireTimeRange(context: Context): { fromMs: number; toMs: number } {
  const fromMs = requireTime(context, "from");
  const toMs = requireTime(context, "to");
  if (fromMs < toMs) return { fromMs, toMs };
  throw new AppError("usage", "from has to lie before to");
}

function requireTime(context: Context, name: string): number {
  const text = readOnce(context, name);
  if (text === undefined) throw new AppError("usage", `the parameter ${name} is missing`);
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  try {
    return Temporal.Instant.from(text).epochMilliseconds;
  } catch {
    const example = "2026-11-23T21:47:32+01:00";
    const hint = text.includes(" ") ? ", with %2B for the + sign" : "";
    throw new AppError(
      "usage",
      `${name} is ${quote(text)}; write it as ${example}${hint}, or as Unix milliseconds`,
    );
  }
}

function readOnce(context: Context, name: string): string | undefined {
  const values = context.req.queries(name) ?? [];
  if (values.length > 1) throw new AppError("usage", `the parameter ${name} is given ${values.length} times`);
  return values[0];
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}
