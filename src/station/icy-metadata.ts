import { concatBytes } from "../core/concat-bytes.ts";

/** Puts blocks of metadata into audio; `title` is what plays now. */
export type InterleaveIcy = (audio: Uint8Array, title: string) => Uint8Array;

/** The most that the one byte of length, in units of 16 bytes, can tell. */
const BLOCK_BYTES_MAX = 255 * 16;

/**
 * Metadata as Shoutcast and Icecast send it inside the audio of one connection.
 *
 * | bytes | meaning |
 * |---|---|
 * | `metaintBytes` | audio |
 * | 1 | length of the block in units of 16 bytes; 0: the title is the same as before |
 * | length · 16 | `StreamTitle='…';` in UTF-8, filled up with zeros |
 */
export function createIcyInterleaver(metaintBytes: number): InterleaveIcy {
  let audioLeft = metaintBytes;
  let titleSent: string | undefined;
  return (audio, title) => {
    const parts: Uint8Array[] = [];
    let offset = 0;
    while (audio.length - offset >= audioLeft) {
      parts.push(audio.subarray(offset, offset + audioLeft));
      parts.push(title === titleSent ? Uint8Array.of(0) : toBlock(title));
      offset += audioLeft;
      audioLeft = metaintBytes;
      titleSent = title;
    }
    audioLeft -= audio.length - offset;
    parts.push(audio.subarray(offset));
    return concatBytes(parts);
  };
}

/** A title that is too long is cut, as servers do; quotes are not escaped, because nobody does. */
function toBlock(title: string): Uint8Array {
  const block = new Uint8Array(1 + BLOCK_BYTES_MAX);
  const tail = "';";
  const start = new TextEncoder().encodeInto(
    `StreamTitle='${title}`,
    block.subarray(1, -tail.length),
  ).written;
  const length = start + new TextEncoder().encodeInto(tail, block.subarray(1 + start)).written;
  const units = Math.ceil(length / 16);
  block[0] = units;
  return block.subarray(0, 1 + units * 16);
}
