import { existsSync, readFileSync } from "node:fs";

/** IPv4 connections of the machine; Linux has it. */
const CONNECTIONS = "/proc/net/tcp";

/**
 * How much has come in at the end `localPort` of a connection that its program has not read. Elsewhere than on Linux
 * that cannot be told, and everything is taken for read.
 */
export function readUnreadBytes(localPort: number, remotePort: number): number {
  if (!existsSync(CONNECTIONS)) return 0;
  for (const line of readFileSync(CONNECTIONS, "latin1").split("\n").slice(1)) {
    const [, local, remote, , queues] = line.trim().split(/\s+/);
    if (toPort(local) !== localPort || toPort(remote) !== remotePort) continue;
    return Number.parseInt(queues?.split(":")[1] ?? "0", 16);
  }
  return 0;
}

/** The port of an `address:port` in hexadecimal. */
function toPort(end: string | undefined): number {
  return Number.parseInt(end?.split(":")[1] ?? "", 16);
}
