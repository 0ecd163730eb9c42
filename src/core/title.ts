/** Longer titles are cut: players show one line. */
const TITLE_CHARS_MAX = 500;

/** A title on one line, without control characters. */
export function toTitle(text: string): string {
  return text
    .replaceAll(/\p{Cc}/gu, " ")
    .trim()
    .slice(0, TITLE_CHARS_MAX);
}

/** What a station wrote, as UTF-8 or else Latin-1: few say which, and many say wrong. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}
