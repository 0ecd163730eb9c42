import { Hono } from "hono";

import type { Log } from "../core/log.ts";
import type { Library } from "../store/library.ts";
import type { TimeRange } from "../playback/opus-file.ts";
import { toOpusRange } from "../playback/opus-range.ts";
import type { ShowSummary } from "../playback/api-answers.ts";
import { readShowSummary, readTimeline } from "../playback/timeline.ts";
import { requireTimeRange } from "./parameters.ts";

/** What listeners ask for: `/api/shows` and below. */
export function createPlaybackRoutes(library: Library, log: Log): Hono {
  const routes = new Hono();
  routes.get("/", async (context) => {
    const shows: ShowSummary[] = [];
    for await (const { name, reader } of library.shows((reason) => log.warn(reason))) {
      shows.push(await readShowSummary(name, reader));
    }
    return context.json({ shows });
  });
  routes.get("/:name/timeline", async (context) => {
    const range = requireTimeRange(context);
    await using reader = await library.open(context.req.param("name"));
    return context.json(await readTimeline(reader, range));
  });
  routes.get("/:name/audio.opus", async (context) => {
    const range = requireTimeRange(context);
    const audio = readOpus(library, context.req.param("name"), range, context.req.raw.signal);
    // What is wrong at the beginning can still be told by a status.
    const first = await audio.next();
    const headers = { "Content-Type": "audio/ogg; codecs=opus" };
    if (context.req.method !== "HEAD") return new Response(toBody(first, audio), { headers });
    await audio.return(undefined);
    return new Response(undefined, { headers });
  });
  return routes;
}

/** The reader is closed when the generator ends, also early. */
async function* readOpus(
  library: Library,
  name: string,
  range: TimeRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  await using reader = await library.open(name);
  yield* toOpusRange(reader, range, signal);
}

/**
 * A body out of a generator whose first result was taken already. It is cancelled when the client goes away, and ends
 * the generator then, also when nothing was read of it.
 */
function toBody(
  first: IteratorResult<Uint8Array>,
  rest: AsyncGenerator<Uint8Array>,
): ReadableStream<Uint8Array> {
  let next: IteratorResult<Uint8Array> | undefined = first;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = next ?? (await rest.next());
      next = undefined;
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => void rest.return(undefined),
  });
}
