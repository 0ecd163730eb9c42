import type { Socket } from "node:net";

/** What ends one of two sockets ends the other; both are in `sockets` for as long as they are open. */
export function tieSockets(first: Socket, second: Socket, sockets: Set<Socket>): void {
  for (const [socket, other] of [
    [first, second],
    [second, first],
  ] as const) {
    sockets.add(socket);
    socket
      .on("error", () => {})
      .on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
  }
}
