import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";

import type { ShowSummary } from "../src/playback/api-answers.ts";
import { toAudioUrl } from "./archive.ts";
import { type SessionRow, toTitleAt } from "./days.ts";
import { toLengthText, toSpanText } from "./words.ts";
import { toZoneClock, type ZoneClock } from "./zone-clock.ts";

/** A session as it was when it was chosen: what the page reads afterwards leaves it alone. */
export type Playback = {
  /** Counts up with every choice, so that the same session can be begun anew. */
  turn: number;
  show: string;
  timezone: string;
  session: SessionRow;
};

type PlayerParts = { playback: Signal<Playback | undefined>; show: ShowSummary | undefined };

/** `show` is the one whose sessions can be chosen; there is no player before there is something to play. */
export function Player({ playback, show }: PlayerParts): JSX.Element | null {
  const chosen = playback.value;
  if (chosen !== undefined) return <Playing key={chosen.turn} playback={chosen} />;
  if (show === undefined || show.last_ms === null) return null;
  const clock = toZoneClock(show.timezone);
  return (
    <section class="player is-idle" aria-label="Player">
      <Clock clock={clock} ms={show.last_ms} />
      <p>
        {clock.dayName(show.last_ms)}: {show.name} is recorded up to here.
      </p>
      <p class="hint">Choose a session, and it plays from its start.</p>
    </section>
  );
}

/** The large clock shows when what is heard was on the air: a session has no holes, so its start and the position tell. */
function Playing({ playback }: { playback: Playback }): JSX.Element {
  const { show, session } = playback;
  const positionMs = useSignal(0);
  const hasFailed = useSignal(false);
  const clock = toZoneClock(playback.timezone);
  const airMs = session.startMs + positionMs.value;
  return (
    <section class="player" aria-label="Player">
      <Clock clock={clock} ms={airMs} />
      <div class="on-air">
        <p class="muted">
          {clock.dayName(airMs)} · {show}
        </p>
        <p class="title">
          <bdi>{toTitleAt(session.titles, airMs) ?? show}</bdi>
        </p>
        <p class="chip">
          {toSpanText(session, clock)} · {toLengthText(session.endMs - session.startMs)}
        </p>
        <div class="notice" role="status">
          {hasFailed.value && (
            <p>This cannot be played at the moment: the server is gone, or the recording is.</p>
          )}
        </div>
      </div>
      <audio
        controls
        autoplay
        aria-label={`${show}, ${clock.dayName(session.startMs)}, ${toSpanText(session, clock)}`}
        src={toAudioUrl(show, session)}
        onTimeUpdate={(event) => (positionMs.value = event.currentTarget.currentTime * 1000)}
        onPlaying={() => (hasFailed.value = false)}
        onError={() => (hasFailed.value = true)}
      />
    </section>
  );
}

function Clock({ clock, ms }: { clock: ZoneClock; ms: number }): JSX.Element {
  return (
    <p class="clock">
      {clock.time(ms)}
      <small>:{clock.seconds(ms)}</small>
    </p>
  );
}
