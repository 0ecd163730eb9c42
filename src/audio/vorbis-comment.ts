import { decodeText, toTitle } from "../core/title.ts";

/** A dozen is usual. A title behind more comments than this is not looked for. */
const COMMENTS_MAX = 1000;

const EQUALS = 0x3d;

/**
 * The title in a block of Vorbis comments, as Ogg streams of all codecs carry it: "ARTIST - TITLE", or the one of the two
 * that there is; `undefined` when there is neither, or the block is damaged.
 *
 * | bytes | field |
 * |---|---|
 * | 4, n | length of the vendor's name, little endian, and the name |
 * | 4 | count of comments |
 * | 4, n | per comment: length, and `NAME=text` in UTF-8; the name's case does not matter |
 */
export function parseCommentTitle(block: Uint8Array): string | undefined {
  const parts = ["ARTIST", "TITLE"].map((name) => toTitle(findComment(block, name) ?? ""));
  const title = parts.filter((part) => part !== "").join(" - ");
  return title === "" ? undefined : toTitle(title);
}

function findComment(block: Uint8Array, name: string): string | undefined {
  for (const comment of toComments(block)) {
    const isNamed = comment[name.length] === EQUALS && toLatin1(comment.subarray(0, name.length)) === name;
    if (isNamed) return decodeText(comment.subarray(name.length + 1));
  }
  return undefined;
}

function toLatin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes).toUpperCase();
}

function* toComments(block: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  if (block.length < 4) return;
  let offset = 4 + view.getUint32(0, true);
  if (offset + 4 > block.length) return;
  const count = Math.min(COMMENTS_MAX, view.getUint32(offset, true));
  offset += 4;
  for (let index = 0; index < count && offset + 4 <= block.length; index++) {
    const length = view.getUint32(offset, true);
    offset += 4;
    if (offset + length > block.length) return;
    yield block.subarray(offset, offset + length);
    offset += length;
  }
}
