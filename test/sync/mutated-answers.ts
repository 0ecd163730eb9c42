import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import * as fc from "fast-check";

import { AppError } from "../../src/core/app-error.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { toCrc32 } from "../../src/core/segment.ts";
import { SqliteRecipientStore } from "../../src/store/sqlite-recipient-writer.ts";
import { toCborSequence } from "../../src/sync/cbor-writer.ts";
import { toCborSegment, type WireSegment } from "../../src/sync/wire.ts";
import { SenderClient } from "../../src/sync/sender-client.ts";
import { syncShows } from "../../src/sync/sync-pass.ts";
import type { Answer, Transport } from "../../src/sync/transport.ts";
import { createRandom } from "../support/random.ts";
import { readCursor, readRows } from "../support/sender-database.ts";
import { split } from "../support/sound.ts";
import { tempDir } from "../support/temp-dir.ts";

const ROWS = 24;
const CHUNK_SIZE = 5;
const START_MS = Date.UTC(2026, 5, 1);

/** Nothing of all these answers is held when they are over. */
const MEMORY_BYTES_MAX = 100_000_000;

type Row = Omit<WireSegment<Uint8Array>, "crc32"> & { crc32?: number | Uint8Array | undefined };

const METADATA = {
  unique_id: "db_a1b2c3d4e5f6",
  name: "a",
  audio_format: "opus",
  split_interval: "10",
  bitrate: "16",
  sample_rate: "48000",
  version: "1",
  is_recipient: false,
  min_id: 1,
  max_id: ROWS,
  last_id: ROWS,
  max_event_id: 0,
  head_crc32: true,
};

const TRUTH: readonly Row[] = Array.from({ length: ROWS }, (_, index) => {
  const audioData = Uint8Array.from({ length: 40 + 7 * index }, (__, byte) => (byte * 31 + index * 17) & 255);
  const segment = {
    id: index + 1,
    timestampMs: START_MS + index * 10_000,
    isTimestampFromSource: index % 6 === 0,
    durationSamples: 480_000,
    crc32: toCrc32(audioData),
    loudness: Uint8Array.from({ length: 10 }, (__, second) => 100 + second),
    audioData,
  };
  return toCborSegment(segment);
});

/** What goes wrong on the way, or is made to. Numbers are places, taken modulo what there is. */
type Mutation = { kind: string; at: number; length: number };

const KINDS: readonly string[] = [
  "flip",
  "flip",
  "cut",
  "insert",
  "delete-bytes",
  "repeat",
  "leave-out",
  "swap",
  "foreign",
  "retype",
  "break-off",
  "bomb",
  "compressed",
  "other-type",
  "page",
];

/**
 * Answers of a sender that are changed in every way: whatever comes, only true rows are stored, and the cursor counts those and no
 * others.
 */
export function testMutatedAnswers({ runs }: { runs: number }): void {
  test(`${runs} changed answers: no bad row is stored, the cursor is right, and memory bounded`, async (context) => {
    const { seed } = createRandom();
    context.diagnostic(`seed ${seed}`);
    using dir = tempDir();
    const counts = { refused: 0, accepted: 0 };
    let directory = join(dir.path, "0");
    const mutation: fc.Arbitrary<Mutation> = fc.record({
      kind: fc.constantFrom(...KINDS),
      at: fc.nat(10_000),
      length: fc.integer({ min: 1, max: 64 }),
    });
    const lengths = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        lengths,
        async (mutations, pieces) => {
          const isRefused = await pass(directory, createTransport(mutations, pieces));
          counts[isRefused ? "refused" : "accepted"]++;
          const cursor = check(join(directory, "a.sqlite"));
          if (cursor === ROWS) directory = join(dir.path, String(counts.refused + counts.accepted));
        },
      ),
      { numRuns: runs, seed },
    );
    context.diagnostic(JSON.stringify(counts));
    const bytes = readHeldBytes();
    assert.ok(bytes < MEMORY_BYTES_MAX, `${Math.round(bytes / 1e6)} MB are held`);
    assert.ok(counts.refused > runs / 4, "most changes are found");
  });
}

function readHeldBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Whether it was refused; any other failure than a refusal is thrown. */
async function pass(directory: string, transport: Transport): Promise<boolean> {
  const setting = {
    client: new SenderClient("http://sender.invalid", transport),
    store: new SqliteRecipientStore(directory),
    chunkSize: CHUNK_SIZE,
    receiver: "here",
    onProgress: () => undefined,
    onShow: () => undefined,
  };
  try {
    await syncShows(["a"], setting, AbortSignal.timeout(10_000));
    return false;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    assert.ok(["network", "corrupt", "mismatch"].includes(error.code), error.message);
    return true;
  }
}

/** Only true rows, and a cursor that stands at the last of them; returns it. */
function check(path: string): number {
  const rows = readRows(path);
  for (const row of rows) assert.deepEqual(row, toStored(TRUTH[row.id - 1]));
  const cursor = readCursor(path);
  assert.equal(cursor, rows.at(-1)?.id ?? 0);
  return cursor;
}

/** A row as `readRows` reads it. */
function toStored(row: Row | undefined): unknown {
  if (row === undefined) return undefined;
  const { audio_data: audio, loudness: _, head_crc32: __, ...head } = row;
  return { ...head, audio_data: audio.toBase64() };
}

function createTransport(mutations: readonly Mutation[], pieces: readonly number[]): Transport {
  return async ({ path }) => {
    const url = new URL(path, "http://sender.invalid");
    const resource = url.pathname.split("/").at(-1);
    if (resource === "shows") return toJson({ shows: [{ name: "a" }] });
    if (resource === "metadata") return toJson(METADATA);
    const startId = Number(url.searchParams.get("start_id"));
    if (resource === "digests") {
      const rows = TRUTH.filter(({ id }) => id === startId);
      return toJson(rows.map(({ id, crc32, duration_samples }) => ({ id, crc32, duration_samples })));
    }
    const limit = Number(url.searchParams.get("limit"));
    return mutate(TRUTH.slice(startId - 1, startId - 1 + limit), mutations, pieces);
  };
}

function mutate(rows: readonly Row[], mutations: readonly Mutation[], pieces: readonly number[]): Answer {
  let changed = [...rows];
  for (const mutation of mutations) changed = changeRows(changed, mutation);
  let bytes: Uint8Array = toCborSequence(changed);
  for (const mutation of mutations) bytes = changeBytes(bytes, mutation);
  const has = (kind: string): boolean => mutations.some((mutation) => mutation.kind === kind);
  if (has("page")) return toJson(changed.map((row) => ({ ...row, audio_data: "AAAA" })));
  return {
    status: 200,
    contentType: has("other-type") ? "text/html" : "application/cbor-seq",
    contentEncoding: has("compressed") ? "gzip" : undefined,
    body: toBody(bytes, { pieces, isBroken: has("break-off"), isEndless: has("bomb") }),
    discard: () => undefined,
  };
}

function changeRows(rows: Row[], { kind, at, length }: Mutation): Row[] {
  const index = at % Math.max(1, rows.length);
  const row = rows[index];
  if (row === undefined) return rows;
  switch (kind) {
    case "repeat":
      return rows.toSpliced(index, 0, row);
    case "leave-out":
      return rows.toSpliced(index, 1);
    case "swap":
      return rows.toSpliced(index, 1).toSpliced(length % rows.length, 0, row);
    case "foreign":
      return rows.with(index, { ...row, id: row.id + (at % 2 === 0 ? 1000 : -1000) });
    case "retype":
      return rows.with(index, { ...row, crc32: new Uint8Array(length) });
    default:
      return rows;
  }
}

function changeBytes(bytes: Uint8Array, { kind, at, length }: Mutation): Uint8Array {
  const place = at % Math.max(1, bytes.length);
  const rest = bytes.subarray(place);
  switch (kind) {
    case "flip": {
      const flipped = Uint8Array.from(bytes);
      flipped[place] = (flipped[place] ?? 0) ^ (1 << (length % 8));
      return flipped;
    }
    case "cut":
      return bytes.subarray(0, place);
    case "insert":
      return concatBytes([bytes.subarray(0, place), new Uint8Array(length).fill(at), rest]);
    case "delete-bytes":
      return concatBytes([bytes.subarray(0, place), rest.subarray(length)]);
    default:
      return bytes;
  }
}

type Delivery = { pieces: readonly number[]; isBroken: boolean; isEndless: boolean };

async function* toBody(
  bytes: Uint8Array,
  { pieces, isBroken, isEndless }: Delivery,
): AsyncGenerator<Uint8Array> {
  yield* split(bytes, pieces);
  if (isBroken) throw new Error("the line is gone");
  if (isEndless) yield* toBomb();
}

/** A byte string that is said to be longer than any audio, and comes. */
async function* toBomb(): AsyncGenerator<Uint8Array> {
  yield Uint8Array.of(0x5a, 0xff, 0xff, 0xff, 0xff);
  for (;;) yield new Uint8Array(65_536);
}

function toJson(value: unknown): Answer {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode(JSON.stringify(value));
  }
  return {
    status: 200,
    contentType: "application/json",
    contentEncoding: undefined,
    body: body(),
    discard: () => undefined,
  };
}
