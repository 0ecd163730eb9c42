import { hostname } from "node:os";

import { InvalidArgumentError } from "commander";

import { whyNotReceiverName, whyNotShowName } from "../core/show.ts";

/** Reads a whole number of an option, or throws with the range that is possible. */
export function toWholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`A whole number from ${min} to ${max} is needed.`);
  };
}

/** Reads the address of another server. */
export function toServerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new InvalidArgumentError("An address such as http://sender.example:3000 is needed.");
}

/** Reads the name of a directory. An empty one, as of a variable that a script did not set, would mean the current one. */
export function toDirectory(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("The name of a directory is needed.");
}

/** Reads the name of a receiver. */
export function toReceiverName(text: string): string {
  const reason = whyNotReceiverName(text);
  if (reason === undefined) return text;
  throw new InvalidArgumentError(`${reason}.`);
}

/** The host's name as that of a receiver, with "-" in place of what such a name cannot have. */
export function toOwnName(): string {
  const name = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, "-")
    .slice(0, 64);
  return whyNotReceiverName(name) === undefined ? name : "receiver";
}

/** Collects names of shows from an option that may be given more than once. */
export function toShowNames(text: string, known: readonly string[] = []): readonly string[] {
  const reason = whyNotShowName(text);
  if (reason !== undefined) throw new InvalidArgumentError(`${reason}.`);
  const twin = known.find((name) => name !== text && name.toLowerCase() === text.toLowerCase());
  if (twin === undefined) return [...known, text];
  throw new InvalidArgumentError(`It differs from "${twin}" in case alone: files cannot keep them apart.`);
}

/** The highest port there is. */
export const PORT_MAX = 65_535;
