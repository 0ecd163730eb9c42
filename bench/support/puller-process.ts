/**
 * Receivers in a process of their own: `URL SHOW COUNT`. Each pulls all segments of a show as one stream, again and again, and keeps
 * nothing. Prints how many bytes came when it is ended.
 */
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";

const [url = "", show = "", count = "1"] = process.argv.slice(2);
const path = `/api/sync/shows/${show}/segments?start_id=1&end_id=999999999&limit=999999999`;
let bytes = 0;

process.once("SIGTERM", () => {
  process.stdout.write(`bytes ${bytes}\n`, () => process.exit(0));
});

async function pull(): Promise<never> {
  for (;;) {
    const request = get(url + path, { agent: false, headers: { Accept: "application/cbor-seq" } });
    const [response]: IncomingMessage[] = await once(request, "response");
    if (response?.statusCode !== 200) throw new Error(`the sender answered ${response?.statusCode ?? ""}`);
    const body: AsyncIterable<Uint8Array> = response;
    for await (const chunk of body) bytes += chunk.length;
  }
}

await Promise.all(Array.from({ length: Number(count) }, pull));
