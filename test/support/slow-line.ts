import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { tieSockets } from "./tie-sockets.ts";

/** Bytes on their way are few, as on a line that is slow. */
const TICK_MS = 50;

/** A slow line to a server on loopback that is cut again and again. Bind it with `await using`. */
export type SlowLine = AsyncDisposable & { readonly port: number };

/**
 * Passes on what the server sends at `bytesPerSecond`, all connections together, and what it is sent at once. Every connection is reset
 * after the time that `nextCutMs` gives, and then after the next.
 */
export async function startSlowLine(
  targetPort: number,
  { bytesPerSecond, nextCutMs }: { bytesPerSecond: number; nextCutMs: () => number },
): Promise<SlowLine> {
  const sockets = new Set<Socket>();
  const stopped = new AbortController();
  let [budget, atMs] = [0, performance.now()];
  /** Nothing is saved up while the line is idle. */
  const take = (): number => {
    const nowMs = performance.now();
    const passed = Math.min(2 * TICK_MS, nowMs - atMs);
    atMs = nowMs;
    budget = Math.min((bytesPerSecond * 2 * TICK_MS) / 1000, budget + (passed * bytesPerSecond) / 1000);
    return Math.floor(budget);
  };
  const server = createServer((client) => {
    const target = connect(targetPort, "127.0.0.1");
    target.pause();
    tieSockets(client, target, sockets);
    client.on("data", (chunk) => void target.write(chunk));
    void (async () => {
      while (!client.destroyed && !stopped.signal.aborted) {
        const available = Math.min(take(), target.readableLength);
        const chunk: Buffer | null = available > 0 ? target.read(available) : target.read(0);
        if (chunk !== null) {
          budget -= chunk.length;
          client.write(chunk);
        }
        await delay(TICK_MS);
      }
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  void (async () => {
    while (!stopped.signal.aborted) {
      await delay(nextCutMs(), undefined, { ref: false });
      for (const socket of sockets) socket.resetAndDestroy();
    }
  })();
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      stopped.abort();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
