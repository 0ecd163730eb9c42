import type { Clock } from "../core/clock.ts";
import type { ArrivedSound } from "./arrived-sound.ts";
import { EarliestArrivals } from "./earliest-arrivals.ts";

/** How long arrivals are looked at before the start is settled, and before it is known well enough to be told. */
const SETTLE_MS = 10_000;
const PROVISIONAL_MS = 1000;

/** A burst that comes slowly tells an earlier line with each part by more than this, and nothing else does. */
const FINDING_MS = 50;

/** The line of arrivals is followed by so much per second of sound: twice of what a station's clock may drift. */
const SLEW_MS_PER_SECOND = 1;

/** A line that is off by more has jumped: frames were lost on the way. */
const JUMP_MS = 150;

/** Sound that was only held up catches up within this time, or is late by now more and now less. */
const LATE_MS_MIN = 5000;

/** Sound that has become neither clear nor timely by then is taken to be held up for longer, and stays where it was placed. */
const LATE_MS_MAX = 7000;

/** Behind lost frames, sound is late by the same all the time. */
const STEADY_MS = 60;

/** Sound of a connection that is lost meanwhile shows in this time whether it catches up. */
const PACE_MS_MIN = 1000;

/** Where it is late by more than any line is unsteady, this is enough; behind damage it is not waited for longer. */
const FAR_MS = 300;
const FAR_PACE_MS_MIN = 150;

/** A server's `Date` counts whole seconds; within this much of it, this machine's finer clock is right. */
const DATE_TOLERANCE_MS = 2000;

/** A `Date` is cut to the second, so on average the server's clock is half a second further. */
const DATE_ROUNDING_MS = 500;

/** What a server stamps with its `Date` is here within this time. */
const ANSWER_MS_MAX = 500;

const MINUTE_MS = 60_000;

type Arrival = ArrivedSound & { arrivalMs: number; boundMs: number };

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
  #wallMinusMonotonicMs: number;
  readonly #earliest = new EarliestArrivals();
  #firstArrivalMs: number | undefined;
  #lastArrivalMs = 0;
  /** When an arrival last told a much earlier line. */
  #foundMs = 0;
  #lastSeconds = 0;
  /** On the monotonic clock, when the first sound of the recording left the server. */
  #lineMs = Infinity;
  #anchor: { seconds: number; unixMs: number; isSettled: boolean } | undefined;
  /** Sound that came late, and all that came since. */
  #late: Arrival[] = [];
  #isJump = false;

  /** `now` is this machine's time; the clock that places the sound is `aheadMs` ahead of it. */
  constructor(now: { wallMs: number; monotonicMs: number }, aheadMs = 0) {
    this.#wallMinusMonotonicMs = now.wallMs + aheadMs - now.monotonicMs;
  }

  /** For another recording, which begins where this one is at `seconds`. */
  startAt(seconds: number): AirClock {
    const clock = new AirClock({ wallMs: this.#wallMinusMonotonicMs, monotonicMs: 0 });
    clock.anchor(0, this.toMs(seconds));
    return clock;
  }

  /**
   * Goes on from a recording: the sound at `seconds` left the server at `unixMs`, which was known for good when that `isSettled`, and is
   * only something to begin with otherwise.
   */
  anchor(seconds: number, unixMs: number, isSettled = true): void {
    this.#anchor = { seconds, unixMs, isSettled };
    this.#lastSeconds = seconds;
  }

  /** Takes note of what came at `arrivalMs` of the monotonic clock. */
  observe(arrivalMs: number, sound: ArrivedSound): void {
    this.#firstArrivalMs ??= arrivalMs;
    this.#lastArrivalMs = arrivalMs;
    const boundMs = arrivalMs - sound.lastSeconds * 1000;
    if (boundMs < this.#lineMs - FINDING_MS) this.#foundMs = arrivalMs;
    if (boundMs < this.#lineMs && this.#heardMs <= SETTLE_MS) {
      this.#earliest.add(arrivalMs, boundMs);
      this.#setLine(boundMs);
      this.#late = [];
      this.#lastSeconds = sound.lastSeconds;
    } else if (this.#heardMs >= PROVISIONAL_MS) {
      this.#follow({ ...sound, arrivalMs, boundMs });
    }
  }

  /** Unix time at which a sound left the server, as far as it is known by now; infinite before the first arrival. */
  toMs(seconds: number): number {
    if (this.#anchor === undefined || this.#lineMs < Infinity) {
      return this.toUnixMs(this.#lineMs) + seconds * 1000;
    }
    return this.#anchor.unixMs + (seconds - this.#anchor.seconds) * 1000;
  }

  /** Unix time, by the clock that places the sound, of an instant of the monotonic clock. */
  toUnixMs(monotonicMs: number): number {
    return monotonicMs + this.#wallMinusMonotonicMs;
  }

  /** The instant of the monotonic clock at a Unix time of the clock that places the sound. */
  toMonotonicMs(unixMs: number): number {
    return unixMs - this.#wallMinusMonotonicMs;
  }

  /** How far the clock that places the sound is ahead of this machine's by now, which may have been set since. */
  aheadOf(clock: Clock): number {
    return this.toUnixMs(clock.monotonicMs()) - clock.nowMs();
  }

  /** Whether the line is known well enough to be told; sound that is late for now may still turn out to have jumped. */
  get isFound(): boolean {
    if (this.#anchor?.isSettled === true || this.#heardMs >= SETTLE_MS) return true;
    return this.#heardMs >= PROVISIONAL_MS && this.#lastArrivalMs - this.#foundMs >= PROVISIONAL_MS;
  }

  /** Whether the time of all sound before `seconds` is known. */
  isSettled(seconds: number): boolean {
    return this.isFound && seconds <= (this.unsettledSeconds ?? Infinity);
  }

  /** Where sound begins that is late for now and may turn out to have jumped, or that has. */
  get unsettledSeconds(): number | undefined {
    return this.#late[0]?.firstSeconds;
  }

  /** Where sound begins of which it has become clear that it jumped. */
  get jumpSeconds(): number | undefined {
    return this.#isJump ? this.unsettledSeconds : undefined;
  }

  /** No more sound comes: what was late for a while and did not begin to catch up would not have done so. */
  end(): void {
    if (isLost(this.#late, this.#lineMs)) this.#isJump = true;
  }

  /** Places the sound behind a jump that has become clear anew, from now on. It may hold another one. */
  takeJump(): AirJump | undefined {
    const { jumpSeconds } = this;
    if (jumpSeconds === undefined) return undefined;
    const arrivals = this.#late;
    const lineMs = Math.min(...arrivals.map(({ boundMs }) => boundMs));
    const byMs = lineMs - this.#lineMs;
    this.#lineMs = lineMs;
    if (this.#anchor !== undefined) this.#anchor = { ...this.#anchor, unixMs: this.#anchor.unixMs + byMs };
    this.#late = [];
    this.#isJump = false;
    this.#earliest.clear();
    for (const arrival of arrivals) this.#follow(arrival);
    return { seconds: jumpSeconds, byMs };
  }

  /** How long arrivals have been looked at. */
  get #heardMs(): number {
    return this.#firstArrivalMs === undefined ? -Infinity : this.#lastArrivalMs - this.#firstArrivalMs;
  }

  /** While the line is being found, what is anchored for good stays where it is, by whatever clock it was placed. */
  #setLine(lineMs: number): void {
    this.#lineMs = lineMs;
    if (this.#anchor?.isSettled !== true) return;
    this.#wallMinusMonotonicMs = this.#anchor.unixMs - this.#anchor.seconds * 1000 - lineMs;
  }

  /** Sound that has been late for long has jumped, or was held up. It may have jumped a second time meanwhile. */
  #judgeLate(): void {
    const earlier = this.#late.slice(0, countEarlier(this.#late));
    this.#isJump = isLost(earlier, this.#lineMs) || (earlier.length === 0 && isSteady(this.#late));
    if (this.#isJump) return;
    const isOver = earlier.length === 0 && toSpanMs(this.#late) >= LATE_MS_MAX;
    this.#late = this.#late.slice(isOver ? -1 : earlier.length);
  }

  #follow(arrival: Arrival): void {
    const { arrivalMs, boundMs, lastSeconds } = arrival;
    const offMs = boundMs - this.#lineMs;
    if (this.#isJump) {
      this.#late.push(arrival);
    } else if (offMs < -JUMP_MS) {
      this.#late = [arrival];
      this.#isJump = true;
    } else if (offMs > JUMP_MS) {
      this.#late.push(arrival);
      const [first] = this.#late;
      const isDamage = first?.isBehindDamage === true && toSpanMs(this.#late) >= FAR_PACE_MS_MIN;
      if (isDamage && isLost(this.#late, this.#lineMs)) this.#isJump = true;
      else if (toSpanMs(this.#late) >= LATE_MS_MIN) this.#judgeLate();
    } else {
      this.#late = [];
      this.#earliest.add(arrivalMs, boundMs);
      const reachMs = Math.max(0, lastSeconds - this.#lastSeconds) * SLEW_MS_PER_SECOND;
      this.#lineMs += Math.max(-reachMs, Math.min(reachMs, this.#earliest.leastMs - this.#lineMs));
    }
    this.#lastSeconds = lastSeconds;
  }
}

/** From the first arrival to the last. */
function toSpanMs(arrivals: readonly Arrival[]): number {
  return (arrivals.at(-1)?.arrivalMs ?? 0) - (arrivals.at(0)?.arrivalMs ?? 0);
}

/** How many arrivals were less late than all that came in a while behind them: what is lost comes after those. */
function countEarlier(arrivals: readonly Arrival[]): number {
  const lastMs = arrivals.at(-1)?.arrivalMs ?? 0;
  let leastMs = Infinity;
  const isEarlier = ({ arrivalMs, boundMs }: Arrival): boolean => {
    const isLess = lastMs - arrivalMs >= LATE_MS_MIN / 2 && boundMs < leastMs - STEADY_MS;
    leastMs = Math.min(leastMs, boundMs);
    return isLess;
  };
  const fromEnd = arrivals.toReversed().findIndex(isEarlier);
  return fromEnd < 0 ? 0 : arrivals.length - fromEnd;
}

/**
 * Whether late sound, of which no more may come, is behind lost sound: what was only held up catches up. The first of it may have come
 * with a frame from before, and counts only when there is no more than one other.
 */
function isLost(arrivals: readonly Arrival[], lineMs: number): boolean {
  const [first, second] = arrivals;
  if (first === undefined || second === undefined) return false;
  const { early, late } = toLeastOfHalves(arrivals.length > 2 ? arrivals.slice(1) : arrivals);
  const isCatchingUp = late < early - JUMP_MS;
  const isFar = Math.min(early, late) - lineMs > FAR_MS;
  const isSoonClear = isFar && (first.isBehindDamage === true || toSpanMs(arrivals) >= FAR_PACE_MS_MIN);
  return !isCatchingUp && (isSoonClear || toSpanMs(arrivals) >= PACE_MS_MIN);
}

/** Whether both halves of late arrivals are late by the same. */
function isSteady(arrivals: readonly Arrival[]): boolean {
  const { early, late } = toLeastOfHalves(arrivals);
  return Math.abs(early - late) <= STEADY_MS;
}

/** The earliest arrival of the first half, and that of the second. */
function toLeastOfHalves(arrivals: readonly Arrival[]): { early: number; late: number } {
  const middle = arrivals.length / 2;
  const toLeast = (half: readonly Arrival[]): number => Math.min(...half.map(({ boundMs }) => boundMs));
  return {
    early: toLeast(arrivals.slice(0, Math.ceil(middle))),
    late: toLeast(arrivals.slice(Math.floor(middle))),
  };
}

/**
 * How far the server's clock is ahead of `wallMs`; 0 when they agree as far as can be told.
 *
 * A clock that is a day, a time zone or some minutes wrong was set so, and its seconds are those of everybody: a difference
 * that may be whole minutes is. Of any other, the fraction of the second is not told.
 */
export function toClockErrorMs(wallMs: number, serverDateMs: number | undefined): number {
  if (serverDateMs === undefined) return 0;
  const leastMs = serverDateMs - wallMs;
  if (Math.abs(leastMs + DATE_ROUNDING_MS) <= DATE_TOLERANCE_MS + DATE_ROUNDING_MS) return 0;
  const minutesMs = Math.ceil(leastMs / MINUTE_MS) * MINUTE_MS;
  return minutesMs < leastMs + 2 * DATE_ROUNDING_MS + ANSWER_MS_MAX ? minutesMs : leastMs + DATE_ROUNDING_MS;
}
