import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";

import { FrameParser } from "../../src/audio/frame-parser.ts";
import { type FrameFormat, toSeconds } from "../../src/audio/frame.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { measureSpan } from "./sound-span.ts";

/**
 * How much later sound left a server than its own tone clock tells, in milliseconds: by the earliest of its arrivals here
 * over `ms`.
 */
export async function measureDelay(url: string, format: FrameFormat, ms: number): Promise<number> {
  const request = get(url, { agent: false });
  const [response]: IncomingMessage[] = await once(request, "response");
  if (response === undefined) throw new Error("no answer");
  const parser = new FrameParser(format);
  const heard: Uint8Array[] = [];
  let heardMs = 0;
  let startMs = Infinity;
  response.on("data", (bytes: Buffer) => {
    const frames = parser.push(bytes);
    heard.push(...frames.map((frame) => frame.bytes));
    heardMs += toSeconds(frames) * 1000;
    const lastMs = toSeconds(frames.slice(-1)) * 1000;
    if (frames.length > 0) startMs = Math.min(startMs, Date.now() - (heardMs - lastMs));
  });
  const timer = setTimeout(() => response.destroy(), ms);
  await once(response, "close");
  clearTimeout(timer);
  const { span } = await measureSpan(concatBytes(heard), startMs);
  if (span === undefined) throw new Error(`${url} does not play the tone clock`);
  return startMs - span.startMs;
}
