import { useSignal } from "@preact/signals";
import type { JSX } from "preact";

import type { Day, GapRow, SessionRow } from "./days.ts";
import { toLengthText, toReasonText, toSpanText } from "./words.ts";
import type { ZoneClock } from "./zone-clock.ts";

/** So many titles are named; of the rest only the number is told. */
const TITLES_MAX = 3;

type SessionListParts = {
  days: readonly Day[];
  clock: ZoneClock;
  /** The start of the session that is in the player, if it is one of this show's. */
  playingMs: number | undefined;
  onPlay: (session: SessionRow) => void;
};

/** What was recorded of a show, and where there are holes, newest first. */
export function SessionList({ days, ...parts }: SessionListParts): JSX.Element {
  return (
    <>
      {days.map((day) => (
        <section key={day.key} class="card" aria-labelledby={`day-${day.key}`}>
          <h3 id={`day-${day.key}`}>{day.name}</h3>
          <ol role="list">
            {day.rows.map((row) => (
              <li key={`${row.kind} ${row.startMs}`}>
                {row.kind === "gap" ? (
                  <Gap gap={row} clock={parts.clock} />
                ) : (
                  <Session session={row} day={day.name} {...parts} />
                )}
              </li>
            ))}
          </ol>
        </section>
      ))}
    </>
  );
}

type SessionParts = Omit<SessionListParts, "days"> & { session: SessionRow; day: string };

function Session({ session, day, clock, playingMs, onPlay }: SessionParts): JSX.Element {
  const isPlaying = session.startMs === playingMs;
  const span = toSpanText(session, clock);
  return (
    <div class={isPlaying ? "row is-playing" : "row"} aria-current={isPlaying}>
      <button type="button" class="play" aria-label={`Play ${day}, ${span}`} onClick={() => onPlay(session)}>
        <svg viewBox="0 0 24 24" width="22" fill="currentColor" aria-hidden="true">
          <path d="M8 5.2v13.6L19 12z" />
        </svg>
      </button>
      <div>
        <p class="facts">
          <b>{span}</b>
          <span class="muted">{toLengthText(session.endMs - session.startMs)}</span>
          {isPlaying && <span class="chip">in the player</span>}
        </p>
        <Titles session={session} />
      </div>
    </div>
  );
}

function Titles({ session }: { session: SessionRow }): JSX.Element | null {
  const titles = [...new Set(session.titles.map((title) => title.text))];
  if (titles.length === 0) return null;
  const rest = titles.length - TITLES_MAX;
  return (
    <p class="titles">
      {titles.slice(0, TITLES_MAX).map((title, index) => (
        <span key={title}>
          {index > 0 && " · "}
          <bdi>{title}</bdi>
        </span>
      ))}
      {rest > 0 && ` and ${rest} more`}
    </p>
  );
}

function Gap({ gap, clock }: { gap: GapRow; clock: ZoneClock }): JSX.Element {
  return (
    <p class="row is-gap">
      <span>{toSpanText(gap, clock)}</span>
      <span>
        {toLengthText(gap.endMs - gap.startMs)} not recorded: {toReasonText(gap.reason)}
      </span>
    </p>
  );
}

/** Asks for another stretch of the past, and says when that came to nothing. */
export function EarlierButton({
  before,
  onRead,
}: {
  before: string;
  onRead: () => Promise<void>;
}): JSX.Element {
  const state = useSignal<"idle" | "reading" | "failed">("idle");
  const read = async (): Promise<void> => {
    if (state.value === "reading") return;
    state.value = "reading";
    try {
      await onRead();
      state.value = "idle";
    } catch {
      state.value = "failed";
    }
  };
  return (
    <p class="earlier">
      <button type="button" onClick={() => void read()}>
        {state.value === "reading" ? "Looking further back …" : `Show what was before ${before}`}
      </button>
      <span role="status">{state.value === "failed" && "That did not work; try again."}</span>
    </p>
  );
}
