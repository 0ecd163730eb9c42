import { IntervalSet } from "./interval-set.ts";

/** Whole frames of one epoch, from the first to before the last, as samples at 48 kHz since the epoch's beginning. */
export type Stretch = { epoch: number; start: number; end: number };

/** Sound by epoch. */
export type Sounds = Map<number, IntervalSet>;

/** What a recorder could know of the time when a connection was opened. */
export type ConnectionRecord = {
  id: number;
  /** How far the machine's clock was ahead of the truth. */
  wallErrorMs: number;
  /** How far the server's clock was; `undefined` when it did not tell. */
  dateErrorMs: number | undefined;
};

type Receipt = Stretch & { atMs: number };
type Known = ConnectionRecord & { stretches: Sounds };

const CONNECTIONS_MAX = 100;

/** A new connection is listened to before it is clear what its burst has to do with what is stored. */
const BURST_HELD_MS = 5000;

/** Frames of 44.1 kHz do not have a whole number of samples. */
export const SLACK_SAMPLES = 1;

/** All sound that reached the recorder, and when: what it has to answer for. */
export class Deliveries {
  readonly #connections: Known[] = [];
  readonly #received: Sounds = new Map();
  readonly #damaged: Sounds = new Map();
  #fresh: Receipt[] = [];

  openConnection(connection: ConnectionRecord): void {
    this.#connections.push({ ...connection, stretches: new Map() });
    if (this.#connections.length > CONNECTIONS_MAX) this.#connections.shift();
  }

  /** Takes note that a stretch went to a connection. */
  send(connectionId: number, stretch: Stretch): void {
    const connection = this.#connections.findLast((known) => known.id === connectionId);
    if (connection !== undefined) addTo(connection.stretches, stretch);
  }

  /** A stretch was damaged on its way; that it comes again with a later burst, behind what followed it, is of no use. */
  damage(stretch: Stretch): void {
    addTo(this.#damaged, stretch);
  }

  /** Takes note that the recorder has read a stretch, which it may keep in memory for longer when it comes with a burst. */
  receive(stretch: Stretch, { atMs, isBurst }: { atMs: number; isBurst: boolean }): void {
    const damaged = this.#damaged.get(stretch.epoch)?.overlap(stretch.start, stretch.end) ?? 0;
    if (damaged > SLACK_SAMPLES) return;
    addTo(this.#received, stretch);
    this.#fresh.push({ ...stretch, atMs: atMs + (isBurst ? BURST_HELD_MS : 0) });
  }

  /** The connections by which a sample came. */
  connectionsOf(epoch: number, sample: number): readonly ConnectionRecord[] {
    return this.#connections.filter(({ stretches }) => {
      const set = stretches.get(epoch);
      return set !== undefined && set.overlap(sample, sample + SLACK_SAMPLES) > 0;
    });
  }

  /** What was received until `atMs` and nobody has; asked for an instant, it cannot be asked for an earlier one. */
  missing(kept: readonly Sounds[], atMs: number): Stretch[] {
    this.#fresh = this.#fresh.filter((receipt) => receipt.atMs > atMs);
    const fresh: Sounds = new Map();
    for (const receipt of this.#fresh) addTo(fresh, receipt);
    return [...this.#received].flatMap(([epoch, received]) => {
      const others = [...kept, fresh].flatMap((sounds) => sounds.get(epoch) ?? []);
      return received
        .without(...others)
        .filter(({ start, end }) => end - start > 2 * SLACK_SAMPLES)
        .map((interval) => ({ epoch, ...interval }));
    });
  }

  /** Forgets epochs that are long over. */
  forgetEpochsBefore(epoch: number): void {
    for (const id of this.#received.keys()) if (id < epoch) this.#received.delete(id);
  }
}

/** Adds a stretch to what is known of its epoch. */
export function addTo(sounds: Sounds, { epoch, start, end }: Stretch): void {
  let set = sounds.get(epoch);
  if (set === undefined) sounds.set(epoch, (set = new IntervalSet()));
  set.add(start, end, SLACK_SAMPLES);
}
