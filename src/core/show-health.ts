/**
 * What the recorder of a show is doing. `disk-full`, `disk-failed` and `failed`: nothing is recorded, or will not be much
 * longer, and a person has to look; it is tried again all the time.
 */
export type ShowState = "waiting" | "recording" | "reconnecting" | "disk-full" | "disk-failed" | "failed";

/** The present of one show, as far as its recorder knows it. */
export type ShowHealth = {
  name: string;
  state: ShowState;
  /** Unix time at which the newest byte of the station came; `null` before the first. */
  lastByteMs: number | null;
  /** How much sound a kill or a power cut would cost at the moment; more than half a second on a slow disk. */
  saveEveryMs: number;
};

/** Of a show of which nothing is known yet. */
export function toNewHealth(name: string): ShowHealth {
  return { name, state: "waiting", lastByteMs: null, saveEveryMs: 0 };
}

/** From good to bad. A station that is away is no fault of this machine: that is told by the state alone. */
export const HEALTH_STATUSES = ["ok", "slow-disk", "failing"] as const;
export type HealthStatus = (typeof HEALTH_STATUSES)[number];

/** Beyond this, a kill costs more than a second, with what the encoder holds. */
const SAVE_EVERY_MS_GOOD = 750;

const FAULTS: Readonly<Partial<Record<ShowState, string>>> = {
  "disk-full": "the disk is full: free some room, and recording goes on by itself",
  "disk-failed": "the disk cannot be read or written: see the log; it is tried again all the time",
  failed: "the recorder failed and is started again: see the log",
};

/** Whether all is well with a show, and what is not, in a sentence for the operator. */
export function toHealthStatus({ state, saveEveryMs }: ShowHealth): {
  status: HealthStatus;
  problem: string | null;
} {
  const fault = FAULTS[state];
  if (fault !== undefined) return { status: "failing", problem: fault };
  if (saveEveryMs <= SAVE_EVERY_MS_GOOD) return { status: "ok", problem: null };
  const seconds = (saveEveryMs / 1000).toFixed(1);
  const problem = `the disk is slow: sound is stored every ${seconds} s, and so much may be lost in a crash`;
  return { status: "slow-disk", problem };
}
