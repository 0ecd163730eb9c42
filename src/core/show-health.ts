/** What the recorder of a show is doing. */
export type ShowState = "waiting" | "recording" | "reconnecting" | "disk-full";

/** The present of one show, as far as its recorder knows it. */
export type ShowHealth = {
  name: string;
  state: ShowState;
  /** Unix time at which the newest byte of the station came; `null` before the first. */
  lastByteMs: number | null;
};
