import { EarliestArrivals } from "./earliest-arrivals.ts";

/** How long arrivals are looked at before the start is settled, and before it is known well enough to be told. */
const SETTLE_MS = 10_000;
const PROVISIONAL_MS = 1000;

/** The line of arrivals is followed by so much per second of sound: twice of what a station's clock may drift. */
const SLEW_MS_PER_SECOND = 1;

/** A line that is off by more has jumped: frames were lost on the way. */
const JUMP_MS = 150;

/** Sound that was only held up catches up within this time. */
const LATE_MS_MAX = 5000;

/** A server's `Date` counts whole seconds; within this much of it, this machine's finer clock is right. */
const DATE_TOLERANCE_MS = 2000;

/** A `Date` is cut to the second, so on average the server's clock is half a second further. */
const DATE_ROUNDING_MS = 500;

/** Frames that came together: where the first and the last of them begin, in the sound of the recording. */
export type ArrivedSound = { firstSeconds: number; lastSeconds: number };

/** A place where the sound jumps in time. */
export type AirJump = { seconds: number; byMs: number };

/**
 * Says when each sound of a recording left the server.
 *
 * Each arrival gives one upper bound: this sound, so far into the recording, was sent by now. The least of them over
 * the first seconds is the truth but for the network's shortest delay. Audio that a server sends in a burst on connect is older than its
 * arrival, and gives bounds that are too late and so have no effect once live audio has come. Later the line of least bounds is followed
 * slowly, so that a station whose clock drifts stays right.
 *
 * Sound that stays behind the line for seconds was not delayed: frames before it were lost. Until that is clear, its place is not
 * settled.
 *
 * Arrivals are counted on the monotonic clock, so that a step of the wall clock does not move them.
 */
export class AirClock {
  readonly #wallMinusMonotonicMs: number;
  readonly #earliest = new EarliestArrivals();
  #firstArrivalMs: number | undefined;
  #lastArrivalMs = 0;
  #lastSeconds = 0;
  /** On the monotonic clock, when the first sound of the recording left the server. */
  #lineMs = Infinity;
  #isAnchored = false;
  #late: { seconds: number; sinceMs: number; leastMs: number } | undefined;
  #jump: { seconds: number; lineMs: number } | undefined;

  /** `now` is this machine's time when the answer came; `serverDateMs` the `Date` that came with it. */
  constructor(now: { wallMs: number; monotonicMs: number }, serverDateMs: number | undefined) {
    this.#wallMinusMonotonicMs = now.wallMs + toClockErrorMs(now.wallMs, serverDateMs) - now.monotonicMs;
  }

  /** For another recording, which begins where this one is at `seconds`. */
  startAt(seconds: number): AirClock {
    const clock = new AirClock({ wallMs: this.#wallMinusMonotonicMs, monotonicMs: 0 }, undefined);
    clock.anchor(0, this.toMs(seconds));
    return clock;
  }

  /** Goes on from a recording that is known: the sound at `seconds` left the server at `unixMs`. */
  anchor(seconds: number, unixMs: number): void {
    this.#isAnchored = true;
    this.#lastSeconds = seconds;
    this.#lineMs = unixMs - this.#wallMinusMonotonicMs - seconds * 1000;
  }

  /** Takes note of what came at `arrivalMs` of the monotonic clock. */
  observe(arrivalMs: number, sound: ArrivedSound): void {
    this.#firstArrivalMs ??= arrivalMs;
    this.#lastArrivalMs = arrivalMs;
    const boundMs = arrivalMs - sound.lastSeconds * 1000;
    if (boundMs < this.#lineMs && this.#heardMs <= SETTLE_MS) {
      this.#earliest.add(arrivalMs, boundMs);
      this.#lineMs = boundMs;
      this.#late = undefined;
    } else if (this.#heardMs >= PROVISIONAL_MS) {
      this.#follow(arrivalMs, boundMs, sound);
    }
    this.#lastSeconds = sound.lastSeconds;
  }

  /** Unix time at which a sound left the server, as far as it is known by now; infinite before the first arrival. */
  toMs(seconds: number): number {
    return this.toUnixMs(this.#lineMs) + seconds * 1000;
  }

  /** Unix time, by the clock that places the sound, of an instant of the monotonic clock. */
  toUnixMs(monotonicMs: number): number {
    return monotonicMs + this.#wallMinusMonotonicMs;
  }

  /** Whether the time of all sound before `seconds` is known. */
  isSettled(seconds: number): boolean {
    if (this.#heardMs < PROVISIONAL_MS) return false;
    return seconds <= (this.unsettledSeconds ?? Infinity);
  }

  /** Where sound begins that is late for now and may turn out to have jumped, or that has. */
  get unsettledSeconds(): number | undefined {
    return this.#jump?.seconds ?? this.#late?.seconds;
  }

  /** Where sound begins of which it has become clear that it jumped. */
  get jumpSeconds(): number | undefined {
    return this.#jump?.seconds;
  }

  /** Places the sound behind a jump that has become clear anew, from now on. */
  takeJump(): AirJump | undefined {
    if (this.#jump === undefined) return undefined;
    const { seconds, lineMs } = this.#jump;
    const byMs = lineMs - this.#lineMs;
    this.#lineMs = lineMs;
    this.#jump = undefined;
    this.#earliest.clear();
    return { seconds, byMs };
  }

  /** How long arrivals have been looked at; a line that is anchored has been known for long. */
  get #heardMs(): number {
    if (this.#firstArrivalMs === undefined) return -Infinity;
    return this.#isAnchored ? Infinity : this.#lastArrivalMs - this.#firstArrivalMs;
  }

  #follow(arrivalMs: number, boundMs: number, sound: ArrivedSound): void {
    const lateMs = boundMs - this.#lineMs;
    if (this.#jump !== undefined) return;
    if (lateMs < -JUMP_MS) {
      this.#jump = { seconds: sound.firstSeconds, lineMs: boundMs };
      this.#late = undefined;
      return;
    }
    if (lateMs > JUMP_MS) return this.#noteLate(arrivalMs, boundMs, sound);
    this.#late = undefined;
    this.#earliest.add(arrivalMs, boundMs);
    const reachMs = Math.max(0, sound.lastSeconds - this.#lastSeconds) * SLEW_MS_PER_SECOND;
    const offMs = this.#earliest.leastMs - this.#lineMs;
    this.#lineMs += Math.max(-reachMs, Math.min(reachMs, offMs));
  }

  #noteLate(arrivalMs: number, boundMs: number, sound: ArrivedSound): void {
    this.#late ??= { seconds: sound.firstSeconds, sinceMs: arrivalMs, leastMs: boundMs };
    this.#late.leastMs = Math.min(this.#late.leastMs, boundMs);
    if (arrivalMs - this.#late.sinceMs < LATE_MS_MAX) return;
    this.#jump = { seconds: this.#late.seconds, lineMs: this.#late.leastMs };
    this.#late = undefined;
  }
}

/** How far the server's clock is ahead of `wallMs`; 0 when they agree as far as can be told. */
export function toClockErrorMs(wallMs: number, serverDateMs: number | undefined): number {
  if (serverDateMs === undefined) return 0;
  const errorMs = serverDateMs + DATE_ROUNDING_MS - wallMs;
  return Math.abs(errorMs) <= DATE_TOLERANCE_MS + DATE_ROUNDING_MS ? 0 : errorMs;
}
