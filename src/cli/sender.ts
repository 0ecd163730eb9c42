import { readToken } from "../config/read-token.ts";
import { SenderClient } from "../sync/sender-client.ts";
import { createHttpTransport, toShownUrl } from "../sync/transport.ts";

/** A client of the sender at `url`, with the bearer token that the file holds. */
export function createSenderClient(url: URL, tokenFile: string | undefined): SenderClient {
  const token = tokenFile === undefined ? undefined : readToken(tokenFile);
  return new SenderClient(toShownUrl(url), createHttpTransport(url, token));
}
