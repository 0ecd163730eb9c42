/**
 * A sender in a process of its own, so that its cost is not counted: `DIRECTORY [json]`. It prints its port, and serves the databases of
 * the directory by the sync API (with `json` in no other way), their files as they are below `/file/`, and at `/bytes` how many bytes
 * it has sent so far.
 */
import { createReadStream, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { basename, join } from "node:path";

import { letHeapGrow } from "../../src/core/garbage.ts";
import { getRequestListener } from "@hono/node-server";

import { createApp } from "../../src/http/app.ts";
import { Receivers } from "../../src/store/receivers.ts";
import { SqliteLibrary } from "../../src/store/library.ts";
import { silentLog } from "../../test/support/recording.ts";

const FILE_CHUNK_BYTES = 1024 * 1024;

letHeapGrow();
const [directory = ".", mode = ""] = process.argv.slice(2);
const receivers = new Receivers(directory);
const library = new SqliteLibrary([directory]);
const app = createApp({ library, receivers, log: silentLog, token: undefined, health: () => [] });
const listener = getRequestListener((request) => {
  const headers = new Headers(request.headers);
  if (mode === "json") headers.set("Accept", "application/json");
  return app.fetch(new Request(request.url, { headers }));
});
const sockets = new Set<Socket>();
let closedBytes = 0;

const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  const path = request.url ?? "/";
  if (path === "/bytes") {
    response.end(String([...sockets].reduce((sum, socket) => sum + socket.bytesWritten, closedBytes)));
  } else if (path.startsWith("/file/")) {
    const file = join(directory, basename(path));
    response.writeHead(200, { "Content-Length": statSync(file).size });
    createReadStream(file, { highWaterMark: FILE_CHUNK_BYTES }).pipe(response);
  } else {
    void listener(request, response);
  }
});
server.on("connection", (socket: Socket) => {
  sockets.add(socket);
  socket.once("close", () => {
    sockets.delete(socket);
    closedBytes += socket.bytesWritten;
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.stdout.write(`port ${address.port}\n`);
});
process.once("SIGTERM", () => process.exit(0));
