import type { Socket } from "node:net";

import { type InterleaveIcy, createIcyInterleaver } from "./icy-metadata.ts";

/** What a listener asked for and is allowed. */
export type ListenerOptions = {
  /** Audio bytes between two blocks of metadata; `undefined` for a listener that did not ask for titles. */
  metaintBytes: number | undefined;
  /** A listener that has more than this waiting for it is dropped. */
  outputBytesMax: number;
  /** Called once for a listener that was dropped because it is slow. */
  onSlow: () => void;
};

/** One connection that is being sent a stream; owns its socket. */
export class Listener {
  readonly #socket: Socket;
  readonly #options: ListenerOptions;
  readonly #interleave: InterleaveIcy | undefined;
  /** What is kept back while the stream stalls; `undefined` while it flows. */
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;

  constructor(socket: Socket, options: ListenerOptions) {
    this.#socket = socket;
    this.#options = options;
    const { metaintBytes } = options;
    this.#interleave = metaintBytes === undefined ? undefined : createIcyInterleaver(metaintBytes);
  }

  /** Sends the answer's head, before all audio. */
  writeHead(head: string): void {
    this.#send(Buffer.from(head, "utf8"));
  }

  /** Sends audio and, where the listener wants them, titles. */
  writeAudio(audio: Uint8Array, title: string): void {
    this.#send(this.#interleave === undefined ? audio : this.#interleave(audio, title));
  }

  /** Keeps back all that is written from now on. */
  hold(): void {
    this.#held ??= [];
  }

  /** Sends what was kept back and goes on. */
  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#heldBytes = 0;
    for (const bytes of held) this.#send(bytes);
  }

  /** Closes the connection in order (`end`) or as a crash does (`reset`). What was kept back is lost. */
  close(how: "end" | "reset"): void {
    if (how === "end") this.#socket.end();
    else this.#socket.resetAndDestroy();
  }

  #send(bytes: Uint8Array): void {
    if (!this.#socket.writable || bytes.length === 0) return;
    if (this.#held === undefined) {
      this.#socket.write(bytes);
    } else {
      this.#held.push(bytes);
      this.#heldBytes += bytes.length;
    }
    if (this.#socket.writableLength + this.#heldBytes <= this.#options.outputBytesMax) return;
    this.#options.onSlow();
    this.#socket.destroy();
  }
}
