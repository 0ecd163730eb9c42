import { decodeText } from "../core/title.ts";

/** Playlists that name streams have a few hundred bytes. */
export const PLAYLIST_BYTES_MAX: number = 64 * 1024;

/** Each costs up to an answer's timeout when it is dead. */
const ENTRIES_MAX = 8;

const PLAYLIST_TYPES = /mpegurl|scpls|pls\+xml|^text\/|^application\/octet-stream/i;
const PLAYLIST_PATHS = /\.(?:pls|m3u8?)$/i;

/** Whether an answer may be a playlist, so that it is worth a look at its bytes. */
export function isPerhapsPlaylist(url: URL, contentType: string | undefined): boolean {
  return contentType === undefined || PLAYLIST_TYPES.test(contentType) || PLAYLIST_PATHS.test(url.pathname);
}

/**
 * The addresses that a playlist names, in its order and as far as they are of HTTP; `undefined` when the bytes are no playlist.
 *
 * | kind | looks like |
 * |---|---|
 * | `.pls` | `[playlist]`, and then lines like `File1=http://…` |
 * | `.m3u` | a line is an address, or a comment that begins with `#` |
 *
 * What names pieces of sound and not streams (`#EXT-X-…`, HLS) is no playlist here.
 */
export function parsePlaylist(bytes: Uint8Array, base: URL): readonly URL[] | undefined {
  if (bytes.length > PLAYLIST_BYTES_MAX || !isText(bytes)) return undefined;
  const lines = decodeText(bytes)
    .replace(/^\uFEFF/, "")
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (lines[0]?.toLowerCase() === "[playlist]") {
    return toUrls(
      lines.flatMap((line) => /^file\d*\s*=\s*(.+)$/i.exec(line)?.[1] ?? []),
      base,
    );
  }
  const entries = lines.filter((line) => !line.startsWith("#"));
  if (lines.some((line) => line.startsWith("#EXT-X-"))) return undefined;
  const isNamed =
    lines[0]?.toUpperCase().startsWith("#EXTM3U") === true || PLAYLIST_PATHS.test(base.pathname);
  return isNamed || /^https?:\/\//i.test(entries[0] ?? "") ? toUrls(entries, base) : undefined;
}

/** Sound is not text for so long. */
const TEXT_BYTES = 512;

/** Playlists are text to their end; sound is not for long. */
export function isText(bytes: Uint8Array): boolean {
  return !bytes.subarray(0, TEXT_BYTES).some((byte) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 13);
}

function toUrls(entries: readonly string[], base: URL): URL[] {
  return entries
    .flatMap((entry) => (URL.canParse(entry, base) ? [new URL(entry, base)] : []))
    .filter((url) => url.protocol === "http:" || url.protocol === "https:")
    .slice(0, ENTRIES_MAX);
}
