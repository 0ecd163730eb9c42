import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { toCrc32 } from "../../src/core/segment.ts";
import type { Log } from "../../src/core/log.ts";
import { createApp } from "../../src/http/app.ts";
import { applyRetention } from "../../src/record/apply-retention.ts";
import { SqliteLibrary } from "../../src/store/library.ts";
import { Receivers } from "../../src/store/receivers.ts";
import { SqliteRecipientStore } from "../../src/store/sqlite-recipient-writer.ts";
import { ShowWriter } from "../../src/store/sqlite-show-writer.ts";
import { SenderClient } from "../../src/sync/sender-client.ts";
import { syncShow } from "../../src/sync/sync-show.ts";
import type { Transport } from "../../src/sync/transport.ts";
import { createRandom } from "../support/random.ts";
import { readCursor, readEvents, readRows } from "../support/sender-database.ts";
import { tempDir } from "../support/temp-dir.ts";

const SEGMENT_MS = 10_000;
const SEGMENT_SAMPLES = 480_000;
const START_MS = Date.UTC(2026, 5, 1);
const HOUR_MS = 3_600_000;

/** A segment with this many bytes fills a read of the sender with a few others, so that something happens between two reads. */
const AUDIO_BYTES_MAX = 40_000;

const STEPS = 14;
const SETTINGS = {
  name: "a",
  format: { audioFormat: "opus", bitrateKbps: 16, channels: 1, splitIntervalSeconds: 10 },
  timezone: "UTC",
} as const;

const silentLog: Log = { info: () => undefined, warn: () => undefined, child: () => silentLog };

/**
 * Recording, retention and passes of a receiver in any order, and within each other: whatever the sender offered in its metadata is at
 * the recipient in the end, or within a hole that was booked.
 */
export function testRetentionRace({ runs }: { runs: number }): void {
  test(`${runs} interleavings of retention and sync: each row offered is there, or its hole is booked`, async (context) => {
    const { random, seed } = createRandom();
    context.diagnostic(`SEED=${seed}`);
    const counts = { offered: 0, held: 0, missing: 0, broken: 0 };
    for (let run = 0; run < runs; run++) {
      using dir = tempDir();
      using race = new Race(dir.path, random);
      await race.run();
      race.check(`SEED=${seed}, run ${run}`, counts);
    }
    context.diagnostic(JSON.stringify(counts));
    assert.ok(counts.held > runs && counts.missing > runs / 4, "retention came before, and it came after");
  });
}

class Race implements Disposable {
  readonly #random: () => number;
  readonly #writer: ShowWriter;
  readonly #copy: string;
  readonly #setting: Parameters<typeof syncShow>[1];
  /** Each segment ever recorded, by its id. */
  readonly #recorded = new Map<number, number>();
  #firstOffered: number | undefined;
  #lastOffered = 0;
  #nowMs = START_MS;
  #broken = 0;
  #isOver = false;

  constructor(directory: string, random: () => number) {
    this.#random = random;
    const senderDir = join(directory, "sender");
    const archive = join(directory, "archive");
    mkdirSync(senderDir);
    this.#copy = join(archive, "a.sqlite");
    this.#writer = ShowWriter.open(join(senderDir, "a.sqlite"), SETTINGS);
    this.#setting = {
      client: new SenderClient("http://sender.invalid", this.#createTransport(senderDir)),
      store: new SqliteRecipientStore(archive),
      receiver: "here",
      chunkSize: 1 + this.#pick(6),
      onProgress: () => undefined,
    };
  }

  async run(): Promise<void> {
    this.#record();
    for (let step = 0; step < STEPS; step++) {
      if (this.#random() < 0.4) await this.#pass();
      else this.#change();
    }
    // What is missing at the end is booked when there is sound again.
    this.#isOver = true;
    this.#record();
    await this.#sync();
  }

  check(what: string, counts: { offered: number; held: number; missing: number; broken: number }): void {
    const rows = readRows(this.#copy);
    for (const row of rows) assert.equal(row.crc32, this.#recorded.get(row.id), `${what}: segment ${row.id}`);
    assert.equal(readCursor(this.#copy), this.#lastOffered, what);
    const held = new Set(rows.map((row) => row.id));
    const booked = new Set(readHoles(this.#copy));
    const first = this.#firstOffered ?? 1;
    for (let id = first; id <= this.#lastOffered; id++) {
      assert.notEqual(
        held.has(id),
        booked.has(id),
        `${what}: segment ${id}: held ${held.has(id)}, booked ${booked.has(id)}`,
      );
    }
    counts.offered += this.#lastOffered - first + 1;
    counts.held += held.size;
    counts.missing += booked.size;
    counts.broken += this.#broken;
  }

  [Symbol.dispose](): void {
    this.#writer[Symbol.dispose]();
  }

  /** A pass that may break off. */
  async #pass(): Promise<void> {
    try {
      await this.#sync();
    } catch (error) {
      assert.match(String(error), /broke off|the line is gone/);
      this.#broken++;
    }
  }

  async #sync(): Promise<void> {
    await syncShow("a", this.#setting, AbortSignal.timeout(30_000));
  }

  #change(): void {
    if (this.#random() < 0.7) this.#record();
    else this.#delete();
  }

  #record(): void {
    const count = 1 + this.#pick(30);
    for (let index = 0; index < count; index++) {
      const audioData = new Uint8Array(1 + this.#pick(AUDIO_BYTES_MAX)).fill(this.#pick(256));
      const isTimestampFromSource = this.#recorded.size === 0 || this.#random() < 0.2;
      const segment = {
        timestampMs: this.#nowMs,
        isTimestampFromSource,
        durationSamples: SEGMENT_SAMPLES,
        loudness: undefined,
      };
      this.#writer.append({ ...segment, audioData }, 0, { events: [] });
      this.#recorded.set(this.#recorded.size + 1, toCrc32(audioData));
      this.#nowMs += SEGMENT_MS;
    }
  }

  #delete(): void {
    const keptHours = (this.#random() * 30 * SEGMENT_MS) / HOUR_MS;
    const rules = { retentionHours: keptHours, receivers: [], isShort: () => false };
    applyRetention(this.#writer, rules, this.#nowMs);
  }

  /** The real answers, between whose parts anything may happen. */
  #createTransport(directory: string): Transport {
    const app = createApp({
      library: new SqliteLibrary([directory]),
      log: silentLog,
      token: undefined,
      health: () => [],
      receivers: new Receivers(directory),
    });
    const isStreamed = this.#random() < 0.7;
    return async ({ path, accept, put }) => {
      this.#mayChange();
      const headers = {
        Accept: isStreamed ? accept : "application/json",
        "Content-Type": "application/json",
      };
      const response = await app.request(
        path,
        put === undefined ? { headers } : { method: "PUT", headers, body: JSON.stringify(put) },
      );
      if (path.endsWith("/metadata")) await this.#noteOffer(response.clone());
      return {
        status: response.status,
        contentType: response.headers.get("content-type") ?? undefined,
        contentEncoding: undefined,
        body: this.#toBody(response, { mayBreak: path.includes("/segments") }),
        discard: () => undefined,
      };
    };
  }

  /** An offer that does not arrive is none, so that only rows break off. */
  async *#toBody(response: Response, { mayBreak }: { mayBreak: boolean }): AsyncGenerator<Uint8Array> {
    const isBroken = mayBreak && !this.#isOver && this.#random() < 0.3;
    for await (const chunk of response.body ?? []) {
      this.#mayChange();
      if (isBroken && this.#random() < 0.5) throw new Error("the line is gone");
      yield chunk;
    }
  }

  async #noteOffer(response: Response): Promise<void> {
    const metadata: unknown = await response.json();
    assert.ok(typeof metadata === "object" && metadata !== null);
    assert.ok("min_id" in metadata && "max_id" in metadata && "last_id" in metadata);
    if (this.#firstOffered === undefined) {
      this.#firstOffered =
        Number(metadata.max_id) === 0 ? Number(metadata.last_id) + 1 : Number(metadata.min_id);
    }
    this.#lastOffered = Math.max(this.#lastOffered, Number(metadata.max_id));
  }

  #mayChange(): void {
    if (!this.#isOver && this.#random() < 0.4) this.#change();
  }

  #pick(count: number): number {
    return Math.floor(this.#random() * count);
  }
}

/** The ids within holes that were booked. */
function readHoles(path: string): number[] {
  return readEvents(path).flatMap(({ kind, data }) => {
    const [, from, to] = /^segments (\d+) to (\d+) /.exec(String(data["detail"])) ?? [];
    if (kind !== "gap" || data["reason"] !== "expired-before-sync" || from === undefined) return [];
    return Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index);
  });
}
