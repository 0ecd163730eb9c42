import { readFileSync } from "node:fs";

import { parse, TomlError } from "smol-toml";
import type { z } from "zod";

import { AppError, toReason } from "../core/app-error.ts";

/** Reads a TOML file and holds it against a schema. Every failure is one `config` error that names the key and the value. */
export function readToml<T>(path: string, schema: z.ZodType<T>): T {
  const result = schema.safeParse(parseFile(path), { reportInput: true });
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => toMessage(issue));
  throw new AppError("config", `${path}: ${issues.join("; ")}`);
}

function parseFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new AppError("config", `cannot read the configuration ${path}: ${toReason(error)}`, {
      cause: error,
    });
  }
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason] = error.message.split("\n");
    throw new AppError("config", `${path}, line ${error.line}: ${reason}`, { cause: error });
  }
}

function toMessage(issue: z.core.$ZodIssue): string {
  const path = issue.path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`,
    "",
  );
  if (issue.code === "unrecognized_keys") {
    const keys = issue.keys.map((key) => `"${key}"`).join(", ");
    return `${path === "" ? "" : `${path}: `}unknown key ${keys}`;
  }
  const finding = toFinding(issue);
  return path === "" ? finding : `${path}: ${finding}`;
}

/** What is wrong with a value, which a message of our own names already. */
function toFinding({ code, input, message }: z.core.$ZodIssue): string {
  if (code === "custom") return message;
  if (input === undefined) return "it is missing";
  if (typeof input === "string") return `${JSON.stringify(input.slice(0, 80))}: ${message}`;
  const isShort = typeof input === "number" || typeof input === "bigint" || typeof input === "boolean";
  return isShort ? `${input}: ${message}` : message;
}
