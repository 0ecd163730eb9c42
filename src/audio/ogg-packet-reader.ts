import { AppError } from "../core/app-error.ts";
import { ByteQueue } from "../core/byte-queue.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import { OGG_PAGE_BYTES_MAX, parseOggPage, toPackets } from "./ogg-page.ts";

/** No packet of a stream that this program writes or reads is longer; comment headers come nearest. */
const PACKET_BYTES_MAX = 1024 * 1024;

/** Takes the packets out of one well-formed Ogg stream that arrives in pieces. Throws `corrupt` when it is not one. */
export class OggPacketReader {
  readonly #queue = new ByteQueue();
  #begun: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): Uint8Array[] {
    this.#queue.push(chunk);
    const bytes = this.#queue.peek();
    const packets: Uint8Array[] = [];
    let offset = 0;
    for (;;) {
      const page = parseOggPage(bytes, offset);
      if (page === undefined) break;
      if (!page.isCrcRight) throw new AppError("corrupt", `Ogg page ${page.sequence} has a wrong CRC`);
      offset += page.pageBytes;
      const { whole, rest } = toPackets(page);
      for (const packet of whole) {
        packets.push(this.#begun.length === 0 ? packet : concatBytes([this.#begun, packet]));
        this.#begun = new Uint8Array(0);
      }
      this.#begun = concatBytes([this.#begun, rest]);
      if (this.#begun.length > PACKET_BYTES_MAX) throw new AppError("corrupt", "an Ogg packet is too long");
    }
    this.#queue.consume(offset);
    if (this.#queue.length > OGG_PAGE_BYTES_MAX)
      throw new AppError("corrupt", "no Ogg page where one should be");
    return packets;
  }
}
