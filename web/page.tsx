import type { Signal } from "@preact/signals";
import type { JSX } from "preact";

import type { ShowSummary } from "../src/playback/api-answers.ts";
import type { Archive, ShowView } from "./archive.ts";
import { type SessionRow, toDays } from "./days.ts";
import { type Playback, Player } from "./player.tsx";
import { EarlierButton, SessionList } from "./session-list.tsx";
import { toFormatText, toMomentText } from "./words.ts";
import { toZoneClock } from "./zone-clock.ts";

export type PageParts = {
  archive: Archive;
  playback: Signal<Playback | undefined>;
  /** Why the page may be behind, in words; `undefined` while all is well. */
  trouble: Signal<string | undefined>;
  onPick: (name: string) => void;
  onPlay: (show: ShowSummary, session: SessionRow) => void;
  onEarlier: () => Promise<void>;
  onRetry: () => void;
};

export function Page(parts: PageParts): JSX.Element {
  const { archive, playback, trouble, onPick, onRetry } = parts;
  return (
    <>
      <header>
        <h1>save_audio_stream</h1>
        <nav aria-label="Shows">
          {archive.shows.value?.map((show) => (
            <ShowLink key={show.name} show={show} isChosen={show === archive.chosen.value} onPick={onPick} />
          ))}
        </nav>
      </header>
      <div class="notice" role="status">
        {trouble.value !== undefined && (
          <p>
            {trouble.value}
            <button type="button" onClick={onRetry}>
              Try now
            </button>
          </p>
        )}
      </div>
      <main>
        <Player playback={playback} show={archive.chosen.value} />
        <div class="list">
          <ShowContent {...parts} />
        </div>
      </main>
    </>
  );
}

type ShowLinkParts = { show: ShowSummary; isChosen: boolean; onPick: (name: string) => void };

/** A link, so that a show has an address; followed without leaving the page, so that the sound goes on. */
function ShowLink({ show, isChosen, onPick }: ShowLinkParts): JSX.Element {
  const clock = toZoneClock(show.timezone);
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    onPick(show.name);
  };
  return (
    <a
      class="show"
      href={`?show=${encodeURIComponent(show.name)}`}
      aria-current={isChosen ? "page" : undefined}
      onClick={follow}
    >
      <b>{show.name}</b>
      <span>{toFormatText(show)}</span>
      {show.first_ms !== null && <span>from {toMomentText(show.first_ms, clock)}</span>}
      <span>
        {show.last_ms === null ? "nothing recorded yet" : `to ${toMomentText(show.last_ms, clock)}`}
      </span>
    </a>
  );
}

function ShowContent({ archive, playback, trouble, ...actions }: PageParts): JSX.Element {
  const show = archive.chosen.value;
  if (archive.shows.value === undefined) {
    return (
      <Empty
        text={trouble.value === undefined ? "Looking for shows …" : "Nothing is known of any show yet."}
      />
    );
  }
  if (show === undefined) {
    const name = archive.wanted.value;
    return (
      <Empty
        text={name === undefined ? "There are no shows yet." : `There is no show called “${name}” here.`}
      />
    );
  }
  const clock = toZoneClock(show.timezone);
  const view = archive.view.value;
  const playing = playback.value;
  return (
    <>
      <h2>{show.name}</h2>
      <p class="muted">
        Times are those of {clock.zone}.{show.is_recipient && " This is a copy from another recorder."}
      </p>
      {show.last_ms === null && (
        <Empty text="Nothing recorded yet. What is recorded appears here by itself." />
      )}
      {show.last_ms !== null && view?.name !== show.name && <Empty text="Looking for sessions …" />}
      {view?.name === show.name && (
        <>
          <SessionList
            days={toDays(view.parts, clock)}
            clock={clock}
            playingMs={playing?.show === show.name ? playing.session.startMs : undefined}
            onPlay={(session) => actions.onPlay(show, session)}
          />
          {isCutOff(view, show) && (
            <EarlierButton before={toMomentText(view.earliestMs, clock)} onRead={actions.onEarlier} />
          )}
        </>
      )}
    </>
  );
}

function isCutOff(view: ShowView, show: ShowSummary): boolean {
  return show.first_ms !== null && show.first_ms < view.earliestMs;
}

function Empty({ text }: { text: string }): JSX.Element {
  return (
    <p class="empty" role="status">
      {text}
    </p>
  );
}
