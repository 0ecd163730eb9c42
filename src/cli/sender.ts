import { readToken } from "../config/record-config.ts";
import { SenderClient } from "../sync/sender-client.ts";
import { createHttpTransport } from "../sync/transport.ts";

/** A client of the sender at `url`, with the bearer token that the file holds. */
export function createSenderClient(url: URL, tokenFile: string | undefined): SenderClient {
  const token = tokenFile === undefined ? undefined : readToken(tokenFile);
  // Messages name the address without a password that may be in it.
  const shown = `${url.protocol}//${url.host}${url.pathname.replace(/\/$/, "")}`;
  return new SenderClient(shown, createHttpTransport(url, token));
}
