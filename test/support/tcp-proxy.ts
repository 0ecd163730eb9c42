import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

import { tieSockets } from "./tie-sockets.ts";

/** A line between a client and a server on loopback that can be cut. Bind it with `await using`. */
export type TcpProxy = AsyncDisposable & {
  readonly port: number;
  /** Connections that were opened so far. */
  readonly connections: number;
  /** Breaks all connections with a reset, and refuses new ones for `ms`. */
  cut(ms: number): void;
};

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let closedUntilMs = 0;
  const server = createServer((client) => {
    if (performance.now() < closedUntilMs) return void client.resetAndDestroy();
    connections++;
    const target = connect(targetPort, "127.0.0.1");
    tieSockets(client, target, sockets);
    client.pipe(target).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    get connections() {
      return connections;
    },
    cut(ms) {
      closedUntilMs = performance.now() + ms;
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
