import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import { FrameParser } from "../../src/audio/frame-parser.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import { toSeconds } from "../../src/audio/frame.ts";
import type { AudioFormat } from "../../src/core/show.ts";
import type { MountOptions } from "../../src/station/mount.ts";
import type { Station } from "../../src/station/station.ts";
import { type RawSession, readSessions } from "./measure.ts";
import { type RunningProcess, runCli, startCli } from "./run-cli.ts";
import { measureSpan, type SoundSpan } from "./sound-span.ts";
import { startStreamProxy, type StreamProxy } from "./stream-proxy.ts";
import { tempDir } from "./temp-dir.ts";
import { readUnreadBytes } from "./unread-bytes.ts";

/** A show, and the mount that it is recorded from. */
export type KilledShow = { name: string; mount: Omit<MountOptions, "path">; out: AudioFormat };

/** What a recorder had read of a station when it was killed, `ageMs` after it had connected. */
type Received = { show: KilledShow; audio: Uint8Array; killedMs: number; ageMs: number };

/** The same in time. `lengthMs` counts whole frames. */
type ReceivedSpan = SoundSpan & { lengthMs: number };

/** What a kill cost a show that had been connected for `ageMs`. */
export type Loss = { name: string; ageMs: number; lostMs: number };

type TimedSession = { claimed: SoundSpan; heard: SoundSpan | undefined };

/** The end of a received stream tells its time: a second begins in it, and the decoder had time to settle. */
const TAIL_MS = 4000;

/**
 * Sound that was encoded twice is found to some hundredths of a millisecond, and times are whole milliseconds. ADTS
 * cannot leave out a part of a frame, and repeats it.
 */
const TOLERANCE_MS: Readonly<Record<AudioFormat, number>> = { opus: 2, wav: 2, aac: 2 + 1024 / 48 };

/** A decoder needs some sound from before the place where it is to go on; and it tells the end to some samples. */
const REACH_MS_MIN = 500;

/** What came in a burst before the last kill comes once more, and has to be stored. */
const RECOVER_MS = 3000;

/** The mounts of shows that are to be killed. */
export function toMounts(shows: readonly KilledShow[]): MountOptions[] {
  return shows.map(({ name, mount }) => ({ ...mount, path: `/${name}`, hasTitles: false }));
}

/**
 * Shows in a directory of their own whose recorder is killed again and again. What was received is known from a proxy
 * before each of them and from the kernel, and what was kept from the sound. Bind it with `await using`.
 */
export class KilledShows implements AsyncDisposable {
  readonly config: string;
  readonly #shows: readonly KilledShow[];
  readonly #dir = tempDir();
  readonly #proxies: ReadonlyMap<KilledShow, StreamProxy>;
  readonly #received: Received[] = [];
  #kills = 0;

  private constructor(shows: readonly KilledShow[], proxies: ReadonlyMap<KilledShow, StreamProxy>) {
    this.#shows = shows;
    this.#proxies = proxies;
    this.config = join(this.#dir.path, "record.toml");
    writeFileSync(this.config, toConfig(proxies));
  }

  static async start(shows: readonly KilledShow[], station: Station): Promise<KilledShows> {
    const proxies = await Promise.all(shows.map(() => startStreamProxy(station.port)));
    return new KilledShows(shows, new Map(shows.flatMap((show, index) => toEntry(show, proxies[index]))));
  }

  /** Where the databases are. */
  get directory(): string {
    return join(this.#dir.path, "recordings");
  }

  /** Kills a recorder none of whose threads reads or writes, and looks at what it left behind; `onKilled` follows at once. */
  async kill(recorder: RunningProcess, onKilled?: () => void): Promise<void> {
    for (const [show, proxy] of this.#proxies) {
      const audio = toReceivedAudio(proxy);
      const ageMs = performance.now() - (proxy.newest?.openedMs ?? 0);
      if (audio.length > 0) this.#received.push({ show, audio, killedMs: Date.now(), ageMs });
    }
    recorder.kill("SIGKILL");
    onKilled?.();
    await recorder.exited;
    this.#kills++;
    for (const { name } of this.#shows) this.#checkIntegrity(name);
  }

  /** A recorder that starts once more records, stops when it is asked to, and leaves nothing that `verify` minds. */
  async recover(): Promise<void> {
    {
      await using recorder = startCli(["record", "-c", this.config]);
      for (const { name } of this.#shows) {
        await recorder.waitForLine(new RegExp(`${name}: recording begins`), 30_000);
      }
      await delay(RECOVER_MS);
      const { status, stderr } = await recorder.stop();
      assert.equal(status, 0, stderr);
    }
    const verified = await runCli(["verify", this.directory], { timeoutMs: 120_000 });
    assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  }

  /**
   * Each session is whole, none doubles or goes behind the one before it, and those that could be joined are. Returns how
   * much of the received sound is nowhere, for each kill and show, least first, and how many sessions were joined.
   */
  async measure(): Promise<{ losses: Loss[]; joins: number }> {
    const losses: Loss[] = [];
    let joins = 0;
    for (const show of this.#shows) {
      const sessions: TimedSession[] = [];
      for (const raw of readSessions(this.#toPath(show.name))) sessions.push(await toTimed(raw, show.name));
      checkOrder(sessions, show);
      for (const received of this.#received) {
        if (received.show !== show) continue;
        const span = await toReceivedSpan(received);
        const lostMs = Math.round(toLostMs(span, sessions));
        const ageMs = Math.round(received.ageMs);
        losses.push({ name: show.name, ageMs, lostMs });
        joins += checkJoin(span, sessions, show);
      }
    }
    return { losses: losses.toSorted((a, b) => a.lostMs - b.lostMs), joins };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.#proxies.values()) await proxy[Symbol.asyncDispose]();
    this.#dir[Symbol.dispose]();
  }

  /** Of a copy: whoever opens the database first repairs it, and that must be the recorder. */
  #checkIntegrity(name: string): void {
    const path = this.#toPath(name);
    if (!existsSync(path)) return;
    const copies = join(this.#dir.path, `after-${this.#kills}`);
    mkdirSync(copies, { recursive: true });
    const copy = join(copies, `${name}.sqlite`);
    for (const suffix of ["", "-wal"]) {
      if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
    }
    using database = new DatabaseSync(copy);
    assert.deepEqual({ ...database.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
  }

  #toPath(name: string): string {
    return join(this.directory, `${name}.sqlite`);
  }
}

function toEntry(show: KilledShow, proxy: StreamProxy | undefined): [KilledShow, StreamProxy][] {
  return proxy === undefined ? [] : [[show, proxy]];
}

function toConfig(proxies: ReadonlyMap<KilledShow, StreamProxy>): string {
  const shows = [...proxies].map(
    ([{ name, out }, proxy]) =>
      `[[shows]]\nname = "${name}"\nurl = "${proxy.url(`/${name}`)}"\nsplit_interval = 2\nbitrate = 64\naudio_format = "${out}"\n`,
  );
  return `[api]\nport = 0\n${shows.join("")}`;
}

/** The audio that the client of a proxy has read of its newest answer. */
function toReceivedAudio({ newest, port }: StreamProxy): Uint8Array {
  if (newest === undefined) return new Uint8Array(0);
  const { sent } = newest;
  const read = sent.subarray(0, Math.max(0, sent.length - readUnreadBytes(newest.clientPort, port)));
  const head = Buffer.from(read.buffer, read.byteOffset, read.length).indexOf("\r\n\r\n");
  return head < 0 ? new Uint8Array(0) : read.subarray(head + 4);
}

async function toReceivedSpan({ show, audio, killedMs }: Received): Promise<ReceivedSpan> {
  const frames = new FrameParser(show.mount.format).push(audio);
  const lengthMs = toSeconds(frames) * 1000;
  const tail = frames.slice(-Math.ceil((frames.length * TAIL_MS) / Math.max(TAIL_MS, lengthMs)));
  const tailAudio = concatBytes(tail.map(({ bytes }) => bytes));
  const heard = lengthMs >= TAIL_MS / 2 ? await measureSpan(tailAudio, killedMs) : undefined;
  const endMs = heard?.span?.endMs ?? killedMs;
  return { startMs: endMs - lengthMs, endMs, lengthMs };
}

/** What was left over at a kill may be a tenth of a second: too little of a tone to tell its pitch, and with it the second. */
const LEGIBLE_SAMPLES_MIN = 48_000;

async function toTimed(raw: RawSession, name: string): Promise<TimedSession> {
  const startMs = raw.rows[0]?.timestampMs ?? 0;
  const { span, report } = await measureSpan(raw.audio, startMs);
  assert.equal(report.samples, raw.durationSamples, `${name} decodes to its duration`);
  const found = [report.missing, report.doubled, report.outOfOrder];
  assert.deepEqual(found, [[], [], 0], `${name}: ${JSON.stringify(report)}`);
  assert.ok(report.lostMs < 1 && report.doubledMs < 1, `${name}: ${JSON.stringify(report.splices)}`);
  // The time of later rows is known better than that of the first.
  const last = raw.rows.at(-1);
  const endMs = (last?.timestampMs ?? 0) + (last?.durationSamples ?? 0) / 48;
  const isLegible = raw.durationSamples >= LEGIBLE_SAMPLES_MIN;
  return { claimed: { startMs, endMs }, heard: isLegible ? span : undefined };
}

/** The clock of each connection is fitted anew, to some milliseconds; a second that is claimed twice is far from that. */
const CLAIM_TOLERANCE_MS = 50;

/** No session begins before the end of the one before, neither by its own sound nor by the time that it claims. */
function checkOrder(sessions: readonly TimedSession[], { name, out }: KilledShow): void {
  const tolerances = { heard: TOLERANCE_MS[out], claimed: CLAIM_TOLERANCE_MS };
  const early = (["heard", "claimed"] as const).flatMap((key) => {
    const spans = sessions.flatMap((session) => session[key] ?? []);
    return spans.flatMap(({ startMs }, index) => {
      const earlyMs = (spans[index - 1]?.endMs ?? -Infinity) - startMs;
      return earlyMs <= tolerances[key] ? [] : [`${key} ${index}: ${earlyMs.toFixed(1)} ms`];
    });
  });
  const shown = JSON.stringify(sessions.map(({ claimed, heard }) => ({ claimed, heard })));
  assert.deepEqual(early, [], `${name}: sessions that begin before the one before ends: ${shown}`);
}

/** A connection whose burst reached back to the session before goes on exactly where that ended; the number of those. */
function checkJoin(
  received: ReceivedSpan,
  sessions: readonly TimedSession[],
  { name, out }: KilledShow,
): number {
  const heard = sessions.map((session) => session.heard);
  const index = heard.findIndex(
    (span) =>
      span !== undefined && span.startMs > received.startMs && span.endMs < received.endMs + REACH_MS_MIN,
  );
  const [before, after] = [heard[index - 1], heard[index]];
  if (before === undefined || after === undefined) return 0;
  if (received.startMs > before.endMs - REACH_MS_MIN) return 0;
  const holeMs = after.startMs - before.endMs;
  assert.ok(holeMs <= TOLERANCE_MS[out], `${name}: session ${index} begins ${holeMs} ms late`);
  return 1;
}

/** How much of what was received lies in no session. */
function toLostMs(received: ReceivedSpan, sessions: readonly TimedSession[]): number {
  const spans = sessions.map(({ heard, claimed }) => heard ?? claimed);
  const kept = spans.map(({ startMs, endMs }) =>
    Math.max(0, Math.min(endMs, received.endMs) - Math.max(startMs, received.startMs)),
  );
  return received.lengthMs - kept.reduce((sum, ms) => sum + ms, 0);
}

/** Each loss beyond `lostMsMax`, in words. */
export function toExcess(losses: readonly Loss[], lostMsMax: number): string[] {
  return losses
    .filter(({ lostMs }) => lostMs > lostMsMax)
    .map(({ name, ageMs, lostMs }) => `${name}: ${lostMs} ms, ${ageMs} ms after it had connected`);
}
