import { concatBytes } from "../core/concat-bytes.ts";
import { decodeText, toTitle } from "../core/title.ts";

const BLOCK_BYTES = 16;

/**
 * Takes the titles out of a Shoutcast stream. After every `interval` bytes of audio comes one byte that counts blocks of
 * 16 bytes, and then that many blocks of text, filled up with zeros: `StreamTitle='…';`.
 */
export class IcyDemuxer {
  readonly #interval: number;
  #audioLeft: number;
  #textLeft = 0;
  #text: Uint8Array[] = [];

  constructor(interval: number) {
    this.#interval = interval;
    this.#audioLeft = interval;
  }

  /** Splits the next bytes into audio and the titles that end in them. */
  push(chunk: Uint8Array): { audio: Uint8Array; titles: string[] } {
    const audio: Uint8Array[] = [];
    const titles: string[] = [];
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#textLeft > 0) {
        const piece = chunk.subarray(offset, offset + this.#textLeft);
        this.#text.push(piece);
        this.#textLeft -= piece.length;
        offset += piece.length;
        if (this.#textLeft === 0) titles.push(...this.#takeTitle());
      } else if (this.#audioLeft > 0) {
        const piece = chunk.subarray(offset, offset + this.#audioLeft);
        audio.push(piece);
        this.#audioLeft -= piece.length;
        offset += piece.length;
      } else {
        this.#textLeft = (chunk[offset] ?? 0) * BLOCK_BYTES;
        this.#audioLeft = this.#interval;
        offset++;
      }
    }
    return { audio: concatBytes(audio), titles };
  }

  #takeTitle(): string[] {
    const title = parseIcyTitle(concatBytes(this.#text));
    this.#text = [];
    return title === undefined ? [] : [title];
  }
}

/** The title in a block of metadata; `undefined` when it has none. */
export function parseIcyTitle(block: Uint8Array): string | undefined {
  const match = /StreamTitle='(.*?)';(?:\s*Stream|\0|$)/s.exec(decodeText(block));
  return match?.[1] === undefined ? undefined : toTitle(match[1]);
}
