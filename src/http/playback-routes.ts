import { Hono } from "hono";

import type { Library } from "../store/library.ts";
import { toOpusRange } from "../playback/opus-range.ts";
import { readShowSummary, readTimeline, type ShowSummary } from "../playback/timeline.ts";
import { requireTimeRange } from "./parameters.ts";

/** What listeners ask for: `/api/shows` and below. */
export function createPlaybackRoutes(library: Library): Hono {
  const routes = new Hono();
  routes.get("/", async (context) => {
    const shows: ShowSummary[] = [];
    for await (const { name, reader } of library.shows()) {
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
    const reader = await library.open(context.req.param("name"));
    const audio = toOpusRange(reader, range, context.req.raw.signal);
    const body = ReadableStream.from(closeAfter(audio, reader));
    return new Response(body, {
      headers: { "Content-Type": "audio/ogg; codecs=opus", "Cache-Control": "no-store" },
    });
  });
  return routes;
}

async function* closeAfter(
  audio: AsyncIterable<Uint8Array>,
  reader: AsyncDisposable,
): AsyncGenerator<Uint8Array> {
  try {
    yield* audio;
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}
