/**
 * `node:http` and `node:https` as they are. To import them as modules reads all that they export, and that loads WebSocket, fetch and
 * HTTP/2: 50 ms and 16 MB in each thread.
 */
export const http: typeof import("node:http") = process.getBuiltinModule("node:http");

/** With TLS; loaded when it is wanted. */
export function loadHttps(): typeof import("node:https") {
  return process.getBuiltinModule("node:https");
}
