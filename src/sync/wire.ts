import { z } from "zod";

import { type Segment, toHeadCrc32 } from "../core/segment.ts";
import { MOMENT_MS_MAX, type ShowEvent } from "../core/show-event.ts";
import type { ShowMetadata } from "../store/show-metadata.ts";
import type { ShowBounds } from "../store/show-reader.ts";

/** Names, kinds and values of metadata are short; a longer one is not kept. */
const TEXT_CHARS_MAX = 200;

/** A title with its escapes is far below; nothing that an event tells needs more. */
const EVENT_CHARS_MAX = 16_384;

/** Room for more segments than there are milliseconds in 8,000 years, and for the ids of many senders behind each other. */
const ID_MAX = 2 ** 48;

const id = z.int().min(0).max(ID_MAX);
const moment = z.int().min(-MOMENT_MS_MAX).max(MOMENT_MS_MAX);
const text = z.string().max(TEXT_CHARS_MAX);

/** `GET /api/sync/shows`. Other keys are let through, here and below: more may be added. */
export type WireShows = { shows: { name: string }[] };

/** `GET /api/sync/shows/:name/metadata`. What is optional is missing in senders of other make. */
export type WireMetadata = {
  unique_id: string;
  name: string;
  audio_format: string;
  split_interval: string;
  bitrate: string;
  sample_rate: string;
  version: string;
  is_recipient: boolean;
  min_id: number;
  max_id: number;
  last_id?: number | undefined;
  max_event_id?: number | undefined;
  channels?: string | undefined;
  timezone?: string | undefined;
  /** Whether each row of CBOR has a `head_crc32`. */
  head_crc32?: boolean | undefined;
  /** Whether receivers may tell what they have. */
  receivers?: boolean | undefined;
};

/** The media type of rows as a CBOR sequence (RFC 8742); without it they are one JSON array. */
export const CBOR_SEQUENCE = "application/cbor-seq";

/** Bytes as they are in CBOR, and in JSON as base64 (RFC 4648, 4). */
export type WireBytes = string | Uint8Array;

/** A row of `GET /api/sync/shows/:name/segments`. */
export type WireSegment<Bytes = WireBytes> = {
  id: number;
  timestamp_ms: number;
  is_timestamp_from_source: number;
  duration_samples?: number | undefined;
  crc32?: number | undefined;
  /** As `toHeadCrc32` makes it. */
  head_crc32?: number | undefined;
  /** Absent when it is not known. */
  loudness?: Bytes | undefined;
  audio_data: Bytes;
};

/** A row of `GET /api/sync/shows/:name/events`. */
export type WireEvent = { id: number; timestamp_ms: number; kind: string; data: Record<string, unknown> };

/** A row of `GET /api/sync/shows/:name/digests`. */
export type WireDigest = { id: number; crc32: number; duration_samples: number };

export const wireShows: z.ZodType<WireShows> = z.object({ shows: z.array(z.object({ name: z.string() })) });

export const wireMetadata: z.ZodType<WireMetadata> = z.object({
  unique_id: text.min(1),
  name: text,
  audio_format: text,
  split_interval: text,
  bitrate: text,
  sample_rate: text,
  version: text,
  is_recipient: z.boolean(),
  min_id: id,
  max_id: id,
  last_id: id.optional(),
  max_event_id: id.optional(),
  channels: text.optional(),
  timezone: text.optional(),
  head_crc32: z.boolean().optional(),
  receivers: z.boolean().optional(),
});

const crc32 = z.int().min(0).max(0xffff_ffff);
const wireBytes = z.union([z.string(), z.instanceof(Uint8Array)]);

export const wireSegment: z.ZodType<WireSegment> = z.object({
  id: id.min(1),
  timestamp_ms: moment,
  is_timestamp_from_source: z.int().min(0).max(1),
  duration_samples: z.int().min(0).optional(),
  crc32: crc32.optional(),
  head_crc32: crc32.optional(),
  // A sender of other make may mean something else by this key, which is no reason to refuse its audio.
  loudness: wireBytes.optional().catch(undefined),
  audio_data: wireBytes,
});

export const wireEvents: z.ZodType<WireEvent[]> = z.array(
  z.object({
    id: id.min(1),
    timestamp_ms: moment,
    kind: text.min(1),
    data: z
      .record(z.string(), z.unknown())
      .refine((data) => JSON.stringify(data).length <= EVENT_CHARS_MAX, "too much data in an event"),
  }),
);

export const wireDigests: z.ZodType<WireDigest[]> = z.array(
  z.object({ id: id.min(1), crc32: z.int(), duration_samples: z.int() }),
);

/** The body of `PUT /api/sync/shows/:name/receivers/:receiver`. */
export type WireAcknowledgement = { last_synced_id: number };

export const wireAcknowledgement: z.ZodType<WireAcknowledgement> = z.object({ last_synced_id: id });

/** What a sender tells of a show. */
export function toWireMetadata(metadata: ShowMetadata, bounds: ShowBounds): WireMetadata {
  return {
    unique_id: metadata.uniqueId,
    name: metadata.name,
    audio_format: metadata.format.audioFormat,
    split_interval: String(metadata.format.splitIntervalSeconds),
    bitrate: String(metadata.format.bitrateKbps),
    sample_rate: String(metadata.sampleRate),
    version: metadata.version,
    is_recipient: metadata.isRecipient,
    min_id: bounds.minId,
    max_id: bounds.maxId,
    last_id: bounds.lastId,
    max_event_id: bounds.maxEventId,
    channels: String(metadata.format.channels),
    timezone: metadata.timezone,
    head_crc32: true,
    receivers: true,
  };
}

/** A row of a CBOR sequence. */
export function toCborSegment(segment: Segment): WireSegment<Uint8Array> {
  const { loudness, audioData } = segment;
  return { ...toWireHead(segment), head_crc32: toHeadCrc32(segment), loudness, audio_data: audioData };
}

/** A row of JSON. */
export function toJsonSegment(segment: Segment): WireSegment<string> {
  const { loudness, audioData } = segment;
  return { ...toWireHead(segment), loudness: loudness?.toBase64(), audio_data: audioData.toBase64() };
}

function toWireHead(segment: Segment): Omit<WireSegment, "audio_data" | "loudness"> {
  return {
    id: segment.id,
    timestamp_ms: segment.timestampMs,
    is_timestamp_from_source: segment.isTimestampFromSource ? 1 : 0,
    duration_samples: segment.durationSamples,
    crc32: segment.crc32,
  };
}

export function toWireEvent(event: ShowEvent): WireEvent {
  const data: Record<string, unknown> = JSON.parse(event.data);
  return { id: event.id, timestamp_ms: event.timestampMs, kind: event.kind, data };
}
