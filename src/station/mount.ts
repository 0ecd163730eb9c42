import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";

import { AppError } from "../core/app-error.ts";
import type { Clock } from "../core/clock.ts";
import { concatBytes } from "../core/concat-bytes.ts";
import { Listener } from "./listener.ts";
import { type StreamShape, ToneFeed } from "./tone-feed.ts";

/** One stream of a station. */
export type MountOptions = StreamShape & {
  /** Path of the URL, `/` included. */
  path: string;
  /** Older audio that a new listener is sent at once, in whole frames. Icecast's 64 KiB when not given. */
  burstBytes?: number;
  /** What plays at first, for listeners that ask for titles; empty when not given. */
  title?: string;
  /** False for a mount that has no titles even for listeners that ask. */
  hasTitles?: boolean;
  /** First line of the answer; `ICY 200 OK` makes it a Shoutcast server. `HTTP/1.0 200 OK` when not given. */
  statusLine?: string;
  /** Beyond the burst, what may wait for one listener before it is dropped. Icecast's 512 KiB when not given. */
  outputBytesMax?: number;
};

/** Counts since the start, and of now. */
export type MountStats = {
  /** Connections that asked for the mount, refused ones included. */
  connections: number;
  refused: number;
  /** Connections that are being sent the stream now. */
  listeners: number;
  droppedSlow: number;
  /** Encoders that had to be replaced because they failed or fell behind. */
  encoderRestarts: number;
};

const BURST_BYTES = 64 * 1024;
const OUTPUT_BYTES_MAX = 512 * 1024;
/** Sound that is encoded beyond the burst at the start: AAC's bit rate is an average, and it starts with small frames. */
const START_EXTRA_MS = 500;
const START_EXTRA_SHARE = 0.15;
/** An encoder is this far from the time when the machine slept or the clock was set: better start anew than catch up. */
const ASTRAY_MS_MIN = 10_000;
const RESTART_MS = 1000;
/** Longest wait between two looks at the queue, which may have been empty, or the clock set. */
const TICK_MS_MAX = 100;

/** Releases the frames of one feed at the moment they are due, to all listeners, with the faults that were asked for. */
export class Mount {
  readonly options: MountOptions;
  readonly burstBytes: number;
  title: string;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<Listener>();
  #feed: ToneFeed;
  #replacing: Promise<void> = Promise.resolve();
  #burst: Uint8Array[] = [];
  #burstLength = 0;
  #stalled: { untilMs: number; isBacklogSent: boolean } | undefined;
  #refused: { untilMs: number; how: "503" | "close" } | undefined;
  #garbageBytes = 0;
  #isCutDue = false;
  #counts = { connections: 0, refused: 0, droppedSlow: 0, encoderRestarts: 0 };

  /** `signal` ends the mount; `close` waits for that. */
  constructor(options: MountOptions, clock: Clock, signal: AbortSignal) {
    this.options = options;
    this.burstBytes = options.burstBytes ?? BURST_BYTES;
    this.title = options.title ?? "";
    this.#clock = clock;
    this.#signal = signal;
    this.#feed = this.#createFeed(options);
  }

  get stats(): MountStats {
    return { ...this.#counts, listeners: this.#listeners.size };
  }

  /** How the stream is encoded now. */
  get shape(): StreamShape {
    return this.#feed.shape;
  }

  /** Resolves when a listener would be sent a full burst. */
  async waitUntilReady(): Promise<void> {
    await this.#feed.waitUntilReady(this.#signal);
    this.#remember(this.#feed);
  }

  /** Releases frames until the signal aborts, then closes everything. */
  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      const waitMs = (this.#feed.nextDueMs ?? Infinity) - this.#clock.nowMs();
      await this.#clock.sleep(Math.min(TICK_MS_MAX, Math.max(0, Math.ceil(waitMs))), this.#signal);
      const { failure, aheadMs } = this.#feed;
      if (failure !== undefined || Math.abs(aheadMs) > ASTRAY_MS_MIN) await this.#restart();
      else this.#release();
    }
    await this.close();
  }

  /** Waits until the encoder is gone. */
  async close(): Promise<void> {
    this.drop("reset");
    await this.#replacing;
    await this.#feed.close();
  }

  /** Counts a connection and tells whether it is to be turned away, and how. */
  admit(): "503" | "close" | undefined {
    this.#counts.connections++;
    if (this.#refused === undefined || this.#clock.monotonicMs() >= this.#refused.untilMs) return undefined;
    this.#counts.refused++;
    return this.#refused.how;
  }

  /** Sends head and burst, and from then on the stream. */
  addListener(socket: Socket, head: string, metaintBytes: number | undefined): void {
    const listener = new Listener(socket, {
      metaintBytes,
      outputBytesMax: this.burstBytes + (this.options.outputBytesMax ?? OUTPUT_BYTES_MAX),
      onSlow: () => this.#counts.droppedSlow++,
    });
    this.#listeners.add(listener);
    socket.once("close", () => this.#listeners.delete(listener));
    if (this.#stalled !== undefined) listener.hold();
    listener.writeHead(head);
    listener.writeAudio(concatBytes(this.#burst), this.title);
  }

  drop(how: "end" | "reset"): void {
    for (const listener of this.#listeners) listener.close(how);
    this.#listeners.clear();
  }

  cutMidFrame(): void {
    this.#isCutDue = true;
  }

  sendGarbage(bytes: number): void {
    this.#garbageBytes += bytes;
  }

  stall(ms: number, isBacklogSent: boolean): void {
    this.#stalled = { untilMs: this.#clock.monotonicMs() + ms, isBacklogSent };
    for (const listener of this.#listeners) listener.hold();
  }

  refuse(ms: number, how: "503" | "close"): void {
    this.#refused = { untilMs: this.#clock.monotonicMs() + ms, how };
  }

  playSilence(ms: number): { fromMs: number; toMs: number } {
    return this.#feed.playSilence(ms);
  }

  /** Goes over to another encoder at one instant, with a burst of its own. */
  async changeFormat(change: Partial<StreamShape>): Promise<void> {
    const replaced = this.#replacing.then(() => this.#replaceFeed(change));
    // A change that failed was told to whoever asked for it, and must not stop the next one.
    this.#replacing = replaced.catch(() => {});
    await replaced;
  }

  async #replaceFeed(change: Partial<StreamShape>): Promise<void> {
    const feed = this.#createFeed({ ...this.#feed.shape, ...change });
    try {
      await feed.waitUntilReady(this.#signal);
    } catch (error) {
      await feed.close();
      throw error;
    }
    const old = this.#feed;
    this.#feed = feed;
    this.#remember(feed);
    await old.close();
  }

  #createFeed({ format, bitrateKbps, sampleRate, channels }: StreamShape): ToneFeed {
    const burstMs = ((this.burstBytes * 8) / bitrateKbps) * (1 + START_EXTRA_SHARE);
    const startMs = Math.floor(this.#clock.nowMs() - burstMs - START_EXTRA_MS);
    return new ToneFeed({ format, bitrateKbps, sampleRate, channels }, startMs, this.#clock);
  }

  /** Fills the burst anew with what a feed would have sent until now. */
  #remember(feed: ToneFeed): void {
    this.#burst = [];
    this.#burstLength = 0;
    for (const { bytes } of feed.takeDue(this.#clock.nowMs())) this.#rememberFrame(bytes);
  }

  #rememberFrame(frame: Uint8Array): void {
    this.#burst.push(frame);
    this.#burstLength += frame.length;
    while (this.#burstLength > this.burstBytes) this.#burstLength -= this.#burst.shift()?.length ?? 0;
  }

  #release(): void {
    if (this.#stalled !== undefined && this.#clock.monotonicMs() >= this.#stalled.untilMs) {
      this.#stalled = undefined;
      for (const listener of this.#listeners) listener.resume();
    }
    const frames = this.#feed.takeDue(this.#clock.nowMs()).map(({ bytes }) => bytes);
    const [first, ...others] = frames;
    if (first === undefined) return;
    for (const frame of frames) this.#rememberFrame(frame);
    if (this.#isCutDue) return this.#cut(first);
    if (this.#stalled?.isBacklogSent === false) return;
    this.#write(concatBytes([this.#spoil(first), ...others]));
  }

  #cut(frame: Uint8Array): void {
    this.#isCutDue = false;
    this.#write(frame.subarray(0, frame.length >> 1));
    this.drop("end");
  }

  /** Puts the garbage that was asked for into the middle of a frame. */
  #spoil(frame: Uint8Array): Uint8Array {
    if (this.#garbageBytes === 0) return frame;
    const half = frame.length >> 1;
    const garbage = randomBytes(this.#garbageBytes);
    this.#garbageBytes = 0;
    return concatBytes([frame.subarray(0, half), garbage, frame.subarray(half)]);
  }

  #write(audio: Uint8Array): void {
    for (const listener of this.#listeners) listener.writeAudio(audio, this.title);
  }

  /** A station whose encoder fails goes off the air, and tries again until it is back; the count tells about it. */
  async #restart(): Promise<void> {
    this.#counts.encoderRestarts++;
    this.drop("end");
    try {
      await this.changeFormat({});
    } catch (error) {
      if (!(error instanceof AppError) && !this.#signal.aborted) throw error;
      await this.#clock.sleep(RESTART_MS, this.#signal);
    }
  }
}
