import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { concatBytes } from "../../src/core/concat-bytes.ts";

/**
 * How a connection is lost. `end` and `reset` close it and refuse new ones; in a `black-hole` connections, new ones too,
 * stay open without a byte, and are reset when it is over.
 */
export const CUTS = ["end", "reset", "black-hole"] as const;
export type Cut = (typeof CUTS)[number];

/** One connection of a client, as the proxy sees it. */
export interface ProxyConnection {
  /** The client's end. */
  readonly clientPort: number;
  /** On this process's monotonic clock. */
  readonly openedMs: number;
  /** The newest bytes that the kernel has taken for the client, all of them up to `KEPT_BYTES_MAX`. */
  readonly sent: Uint8Array;
}

/** Stands between a recorder and a station on this machine. Bind it with `await using`. */
export interface StreamProxy extends AsyncDisposable {
  readonly port: number;
  /** The newest of the connections that are open. */
  readonly newest: ProxyConnection | undefined;
  url(path: string): string;
  /** Loses all connections for `ms`; resolves when new ones are let in again. */
  cut(how: Cut, ms: number): Promise<void>;
}

/** A burst of 64 KiB and ten seconds at 128 kbit/s. */
const KEPT_BYTES_MAX = 256 * 1024;

/** Listens on `host`, by default loopback, and passes all that comes on to `upstreamPort` of loopback. */
export async function startStreamProxy(upstreamPort: number, host = "127.0.0.1"): Promise<StreamProxy> {
  const passages = new Set<Passage>();
  let isMute = false;
  let newest: Passage | undefined;
  const server = createServer((client) => {
    const passage = new Passage(client, isMute ? undefined : connect(upstreamPort, "127.0.0.1"));
    newest = passage;
    passages.add(passage);
    client.once("close", () => {
      passages.delete(passage);
      if (newest === passage) newest = undefined;
    });
  });
  const listen = async (port: number): Promise<number> => {
    server.listen(port, host);
    await once(server, "listening");
    // oxlint-disable-next-line no-unsafe-type-assertion -- a TCP server that listens has such an address
    return (server.address() as AddressInfo).port;
  };
  const closeAll = (how: "end" | "reset"): void => {
    for (const passage of passages) passage.close(how);
  };
  const port = await listen(0);
  return {
    port,
    get newest() {
      return newest;
    },
    url: (path) => `http://${host}:${port}${path}`,
    async cut(how, ms) {
      if (how === "black-hole") {
        isMute = true;
        for (const passage of passages) passage.mute();
        await delay(ms);
        isMute = false;
        closeAll("reset");
        return;
      }
      server.close();
      closeAll(how);
      await delay(ms);
      await listen(port);
    },
    async [Symbol.asyncDispose]() {
      server.close();
      closeAll("reset");
    },
  };
}

class Passage implements ProxyConnection {
  readonly clientPort: number;
  readonly openedMs: number = performance.now();
  readonly #client: Socket;
  readonly #upstream: Socket | undefined;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;

  /** Without an upstream the client is never sent anything. */
  constructor(client: Socket, upstream: Socket | undefined) {
    this.#client = client;
    this.#upstream = upstream;
    this.clientPort = client.remotePort ?? 0;
    client.setNoDelay(true);
    client.on("error", () => {});
    client.on("data", (bytes) => void upstream?.write(bytes));
    client.once("close", () => upstream?.destroy());
    upstream?.on("error", () => {});
    upstream?.on("data", (bytes: Buffer) => this.#pass(bytes));
    upstream?.once("end", () => client.end());
  }

  get sent(): Uint8Array {
    const bytes = concatBytes(this.#kept);
    return bytes.subarray(0, bytes.length - this.#client.writableLength);
  }

  mute(): void {
    this.#upstream?.removeAllListeners("end");
    this.#upstream?.destroy();
  }

  close(how: "end" | "reset"): void {
    this.mute();
    if (how === "end") this.#client.end();
    else this.#client.resetAndDestroy();
  }

  #pass(bytes: Uint8Array): void {
    this.#client.write(bytes);
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    while (this.#keptBytes > KEPT_BYTES_MAX) this.#keptBytes -= this.#kept.shift()?.length ?? 0;
  }
}
