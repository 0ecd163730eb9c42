import type { StreamConnection } from "../../src/record/stream-source.ts";
import type { FrameFormat } from "../../src/audio/frame.ts";
import { concatBytes } from "../../src/core/concat-bytes.ts";
import type { Stretch } from "./deliveries.ts";
import { type Epoch, type Programme, toLeftMs } from "./programme.ts";
import { toFrame } from "./simulated-frame.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How a server sends; may change while it runs, for connections to come. */
export type SendSetting = {
  /** How much older sound a new connection gets at once. */
  burstMs: number;
  /** Bytes are sent in whole blocks of so many; 1: as they are. */
  blockBytes: number;
  sendEveryMs: number;
  /** The shortest way through the network, and how much longer it takes at times. */
  latencyMs: number;
  jitterMs: number;
};

/** How a stall is over: what was kept back is sent, or is lost, or the connection is. */
export type StallEnd = "backlog" | "lost" | "closed";

type Frame = { epoch: Epoch; index: number };

/** Bytes with which a frame is complete, or that belong to none. */
type Piece = { bytes: Uint8Array; frame: Frame | undefined };

/** What is sent at once, with the pieces that are complete with it. */
type Chunk = { bytes: Uint8Array; complete: readonly (Frame | undefined)[] };

export type ConnectionParts = {
  time: VirtualTime;
  programme: Programme;
  setting: SendSetting;
  random: () => number;
  onDamage: (stretch: Stretch) => void;
  onSend: (stretch: Stretch) => void;
  /** Told when the recorder has read whole frames and can know it. */
  onRead: (stretch: Stretch) => void;
  onClose: (connection: SimulatedConnection) => void;
};

/** One listener of a simulated server, which sends what the programme has, in the way it is told to. */
export class SimulatedConnection {
  readonly #parts: ConnectionParts;
  readonly #kind: FrameFormat;
  #epoch: Epoch;
  #nextFrame: number;
  #outgoing: Piece[] = [];
  #arrived: Chunk[] = [];
  #lastArrivalMs = 0;
  #stall: { untilMs: number; end: StallEnd } | undefined;
  #damagedFrames = 0;
  #garbageBytes = 0;
  /** Set when nothing more comes; what has arrived is read first. */
  #end: { error: Error | undefined } | undefined;
  #isClosed = false;
  /** The newest frame that was read: only what comes behind it shows that it is whole. */
  #unconfirmed: Frame | undefined;
  #wake: (() => void) | undefined;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    const { programme, setting, time } = parts;
    this.#epoch = programme.current;
    this.#kind = this.#epoch.format.kind;
    const now = programme.framesBy(this.#epoch, time.trueMs);
    this.#nextFrame = Math.max(0, now - Math.round(setting.burstMs / this.#epoch.frameMs));
    this.#send(true);
  }

  /** As `node:http` gives it: all that has arrived at once, then the end, or an error after a reset or a close. */
  get body(): StreamConnection["body"] {
    return { [Symbol.asyncIterator]: () => this.#read() };
  }

  /** The recorder lets go. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#finish(new Error("Premature close"));
  }

  /** The recorder is dead: nobody reads any more, and nobody is told. */
  abandon(): void {
    this.#wake = undefined;
    this.#isClosed = true;
    this.#finish(undefined);
  }

  /** The server ends the connection in order, or it is reset and what is under way is lost. */
  drop(how: "closed" | "reset"): void {
    if (this.#end !== undefined) return;
    if (how === "reset") return this.#finish(new Error("read ECONNRESET"));
    const { time } = this.#parts;
    const delayMs = Math.max(this.#lastArrivalMs - time.elapsedMs, this.#parts.setting.latencyMs);
    this.#outgoing = [];
    this.#parts.onClose(this);
    time.after(delayMs, () => this.#finish(undefined));
    this.#stall = { untilMs: Infinity, end: "closed" };
  }

  stall(ms: number, end: StallEnd): void {
    this.#stall ??= { untilMs: this.#parts.time.elapsedMs + ms, end };
  }

  /** The next frames are noise, or noise comes in the middle of the next one. */
  damage(damage: { frames: number } | { garbageBytes: number }): void {
    if ("frames" in damage) this.#damagedFrames = damage.frames;
    else this.#garbageBytes = damage.garbageBytes;
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const arrived = this.#isClosed ? [] : this.#arrived;
        this.#arrived = [];
        if (arrived.length > 0) {
          for (const { complete } of arrived) this.#confirm(complete);
          yield concatBytes(arrived.map((chunk) => chunk.bytes));
        } else if (this.#end !== undefined) {
          if (this.#unconfirmed !== undefined) this.#parts.onRead(toStretch(this.#unconfirmed));
          this.#unconfirmed = undefined;
          if (this.#end.error !== undefined) throw this.#end.error;
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      this.close();
    }
  }

  /** A frame is passed on when another one follows; what noise follows is not taken for a frame. */
  #confirm(complete: readonly (Frame | undefined)[]): void {
    for (const frame of complete) {
      if (this.#unconfirmed !== undefined && frame?.epoch.format === this.#unconfirmed.epoch.format)
        this.#parts.onRead(toStretch(this.#unconfirmed));
      // Who reads MP3 cannot know that AAC comes now.
      this.#unconfirmed = frame?.epoch.format.kind === this.#kind ? frame : undefined;
    }
  }

  #finish(error: Error | undefined): void {
    this.#end ??= { error };
    this.#parts.onClose(this);
    this.#wake?.();
  }

  #send(isBurst: boolean): void {
    const { time, setting } = this.#parts;
    if (this.#end !== undefined) return;
    if (this.#stall === undefined || this.#stall.untilMs <= time.elapsedMs) {
      this.#endStall();
      if (this.#stall !== undefined) return;
      this.#takeFrames();
      if (isBurst) this.#beginInTheMiddle();
      const chunk = this.#takeChunk();
      if (chunk.bytes.length > 0) this.#deliver(chunk);
    }
    // A fixed pace would let arrivals fall into step with the recorder's own timers.
    time.after(setting.sendEveryMs * (0.9 + 0.2 * this.#parts.random()), () => this.#send(false));
  }

  #endStall(): void {
    const stall = this.#stall;
    this.#stall = undefined;
    if (stall === undefined) return;
    if (stall.end === "closed") this.drop("closed");
    if (stall.end === "lost") {
      const { programme, time } = this.#parts;
      this.#outgoing = [];
      this.#epoch = programme.current;
      this.#nextFrame = programme.framesBy(this.#epoch, time.trueMs);
    }
  }

  #takeFrames(): void {
    const { programme, time } = this.#parts;
    for (;;) {
      const end = programme.framesBy(this.#epoch, time.trueMs);
      while (this.#nextFrame < end) this.#addFrame(this.#nextFrame++);
      if (this.#epoch.frames > this.#nextFrame || programme.current.id === this.#epoch.id) return;
      this.#epoch = programme.epoch(this.#epoch.id + 1);
      this.#nextFrame = 0;
    }
  }

  #addFrame(index: number): void {
    const epoch = this.#epoch;
    const bytes = toFrame(epoch.format, { epoch: epoch.id, index, leftMs: toLeftMs(epoch, index) });
    // With a damaged frame goes the one before it, which nothing follows.
    if (this.#damagedFrames > 0 || this.#garbageBytes > 0) {
      for (const near of [index - 1, index, index + 1])
        this.#parts.onDamage(toStretch({ epoch, index: near }));
    }
    if (this.#damagedFrames > 0) {
      this.#damagedFrames--;
      this.#outgoing.push({ bytes: this.#toNoise(bytes.length), frame: undefined });
      return;
    }
    if (this.#garbageBytes > 0) {
      const noise = this.#toNoise(this.#garbageBytes);
      this.#outgoing.push({
        bytes: concatBytes([bytes.subarray(0, 20), noise, bytes.subarray(20)]),
        frame: undefined,
      });
      this.#garbageBytes = 0;
      return;
    }
    this.#outgoing.push({ bytes, frame: { epoch, index } });
  }

  /** A burst begins where the server's buffer does: not with a whole frame. */
  #beginInTheMiddle(): void {
    const [first] = this.#outgoing;
    if (first === undefined) return;
    first.bytes = first.bytes.subarray(Math.floor(this.#parts.random() * first.bytes.length));
    first.frame = undefined;
  }

  #takeChunk(): Chunk {
    const { blockBytes } = this.#parts.setting;
    const heldBytes = this.#outgoing.reduce((sum, piece) => sum + piece.bytes.length, 0);
    let left = heldBytes - (heldBytes % blockBytes);
    const taken: Uint8Array[] = [];
    const complete: (Frame | undefined)[] = [];
    while (left > 0) {
      const [piece] = this.#outgoing;
      if (piece === undefined) break;
      const part = piece.bytes.subarray(0, left);
      taken.push(part);
      left -= part.length;
      piece.bytes = piece.bytes.subarray(part.length);
      if (piece.bytes.length > 0) break;
      this.#outgoing.shift();
      if (piece.frame !== undefined) this.#parts.onSend(toStretch(piece.frame));
      complete.push(piece.frame);
    }
    return { bytes: concatBytes(taken), complete };
  }

  #deliver(chunk: Chunk): void {
    const { time, setting, random } = this.#parts;
    const way = setting.latencyMs + setting.jitterMs * random() ** 4;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, time.elapsedMs + way);
    time.after(this.#lastArrivalMs - time.elapsedMs, () => {
      if (this.#end !== undefined) return;
      this.#arrived.push(chunk);
      this.#wake?.();
    });
  }

  #toNoise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.#parts.random() * 256));
  }
}

function toStretch({ epoch, index }: Frame): Stretch {
  const { samples48 } = epoch.format;
  return { epoch: epoch.id, start: index * samples48, end: (index + 1) * samples48 };
}
