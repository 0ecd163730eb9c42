import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";

import { AppError, toReason } from "../core/app-error.ts";

/** A listening socket that has no app yet, so that a port in use is known before anything is written. */
export class HttpServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Takes the port; 0 takes any that is free. Throws `busy` when it cannot be had. */
  static async listen(host: string, port: number): Promise<HttpServer> {
    const server = createServer();
    try {
      server.listen(port, host);
      await once(server, "listening");
      return new HttpServer(server);
    } catch (error) {
      throw new AppError("busy", `cannot listen on ${host}, port ${port}: ${toReason(error)}`, {
        cause: error,
      });
    }
  }

  /** Where the server answers. */
  get url(): string {
    const { address, family, port } = this.#address();
    return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  serve(app: Hono): void {
    const listener = getRequestListener((request) => app.fetch(request));
    this.#server.on("request", (request, response) => void listener(request, response));
  }

  /** Ends all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #address(): AddressInfo {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new TypeError("the server does not listen");
    return address;
  }
}
