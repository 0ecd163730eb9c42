/** How many bytes are looked at. */
const LOOKED_AT_BYTES = 256;

const MAGICS: readonly (readonly [string, string])[] = [
  ["RIFF", "a RIFF file (WAV)"],
  ["fLaC", "FLAC without Ogg"],
  ["\x1a\x45\xdf\xa3", "Matroska or WebM"],
  ["FLV", "FLV"],
  ["\x1f\x8b", "gzip"],
  ["#EXTM3U", "an HLS playlist"],
  ["\x47\x40", "an MPEG transport stream"],
];

/**
 * Says what bytes seem to be that are no stream, for an operator who has to find a better address; `undefined` when they say
 * nothing.
 */
export function describeContent(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.subarray(0, LOOKED_AT_BYTES)).toString("latin1");
  const magic = MAGICS.find(([start]) => text.startsWith(start));
  if (magic !== undefined) return magic[1];
  if (text.slice(4, 8) === "ftyp") return "an MP4 file";
  if (/^\s*<(?:!doctype html|html|head)/i.test(text)) return "an HTML page";
  if (/^\s*</.test(text)) return "XML";
  if (/^\s*[{[]/.test(text)) return "JSON";
  if (/^[\t\n\r\x20-\x7e]+$/.test(text)) return "text";
  return undefined;
}
