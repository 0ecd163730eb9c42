import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import { bodyLimit } from "hono/body-limit";

import { AppError } from "../core/app-error.ts";
import type { Log } from "../core/log.ts";
import { whyNotReceiverName } from "../core/show.ts";
import type { Receivers } from "../store/receivers.ts";
import type { Library } from "../store/library.ts";
import type { ShowReader } from "../store/show-reader.ts";
import {
  CBOR_SEQUENCE,
  toWireEvent,
  toWireMetadata,
  toJsonSegment,
  wireAcknowledgement,
  type WireDigest,
} from "../sync/wire.ts";
import { toRowStream } from "./row-stream.ts";
import { readLimit, readWholeNumber, requireIdRange } from "./parameters.ts";

const SEGMENTS_DEFAULT = 100;
const SEGMENTS_MAX = 1000;

/** An answer ends after this much audio, however many rows were asked for, so that memory stays bounded. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;

/** A stream holds a batch at a time, however many rows there are. */
const STREAMED_MAX: number = Number.MAX_SAFE_INTEGER;

const SEGMENT_TYPES = {
  header: "Accept",
  supports: ["application/json", CBOR_SEQUENCE] as string[],
  default: "application/json",
} as const satisfies Parameters<typeof accepts>[1];

const BODY_BYTES_MAX = 1024;

const EVENTS_DEFAULT = 500;
const ROWS_MAX = 10_000;

export type SyncParts = { library: Library; receivers: Receivers; log: Log };

/** What senders offer to receivers: `/api/sync/shows` and below. */
export function createSyncRoutes({ library, receivers, log }: SyncParts): Hono {
  const routes = new Hono();
  routes.get("/", async (context) => {
    const shows: { name: string }[] = [];
    for await (const { name, reader } of library.shows((reason) => log.warn(reason))) {
      if (!reader.metadata.isRecipient) shows.push({ name });
    }
    return context.json({ shows });
  });
  routes.get("/:name/metadata", async (context) => {
    await using reader = await openSender(library, context.req.param("name"));
    return context.json(toWireMetadata(reader.metadata, await reader.bounds()));
  });
  routes.get("/:name/segments", async (context) => {
    const range = requireIdRange(context);
    const isStream = accepts(context, SEGMENT_TYPES) === CBOR_SEQUENCE;
    const limit = readLimit(context, SEGMENTS_DEFAULT, isStream ? STREAMED_MAX : SEGMENTS_MAX);
    const reader = await openSender(library, context.req.param("name"));
    if (isStream)
      return context.body(toRowStream(reader, { ...range, limit }), 200, { "Content-Type": CBOR_SEQUENCE });
    await using _ = reader;
    const segments = await reader.segments({ ...range, limit, bytesMax: ANSWER_BYTES_MAX });
    return context.json(segments.map(toJsonSegment));
  });
  routes.get("/:name/events", async (context) => {
    const afterId = readWholeNumber(context, "after_id") ?? 0;
    const limit = readLimit(context, EVENTS_DEFAULT, ROWS_MAX);
    await using reader = await openSender(library, context.req.param("name"));
    const events = await reader.events({ afterId, limit });
    return context.json(events.map(toWireEvent));
  });
  routes.get("/:name/digests", async (context) => {
    const range = requireIdRange(context);
    const limit = readLimit(context, ROWS_MAX, ROWS_MAX);
    await using reader = await openSender(library, context.req.param("name"));
    const heads = await reader.heads({ ...range, limit });
    const digests: WireDigest[] = heads.map((head) => ({
      id: head.id,
      crc32: head.crc32,
      duration_samples: head.durationSamples,
    }));
    return context.json(digests);
  });
  routes.put("/:name/receivers/:receiver", limitBody, async (context) => {
    const name = parseReceiverName(context.req.param("receiver"));
    const lastSyncedId = await readAcknowledgement(context);
    await using reader = await openSender(library, context.req.param("name"));
    const { lastId } = await reader.bounds();
    if (lastSyncedId > lastId) {
      throw new AppError(
        "usage",
        `last_synced_id is ${lastSyncedId}, and the last segment ever was ${lastId}`,
      );
    }
    receivers.acknowledge(reader.metadata, { name, lastSyncedId, seenMs: Date.now() });
    return context.body(null, 204);
  });
  return routes;
}

const limitBody = bodyLimit({
  maxSize: BODY_BYTES_MAX,
  onError: () => {
    throw new AppError("usage", `the body is longer than ${BODY_BYTES_MAX} bytes`);
  },
});

function parseReceiverName(name: string): string {
  const reason = whyNotReceiverName(name);
  if (reason !== undefined) throw new AppError("usage", reason);
  return name;
}

async function readAcknowledgement(context: Context): Promise<number> {
  const body: unknown = await context.req.json().catch(() => undefined);
  const result = wireAcknowledgement.safeParse(body);
  if (result.success) return result.data.last_synced_id;
  throw new AppError("usage", 'the body has to be {"last_synced_id": N}, with a whole number');
}

async function openSender(library: Library, name: string): Promise<ShowReader> {
  const reader = await library.open(name);
  if (!reader.metadata.isRecipient) return reader;
  await reader[Symbol.asyncDispose]();
  throw new AppError("is-recipient", `"${name}" follows another sender here; sync it from there`);
}
