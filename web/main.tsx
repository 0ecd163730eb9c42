import { signal } from "@preact/signals";
import { render } from "preact";

import { createArchive } from "./archive.ts";
import { Page, type PageParts } from "./page.tsx";
import type { Playback } from "./player.tsx";
import { createPolling } from "./polling.ts";
import { readJson, toTroubleText } from "./read-json.ts";
import { toLengthText } from "./words.ts";

const archive = createArchive(readJson);
const playback = signal<Playback | undefined>(undefined);
const trouble = signal<string | undefined>(undefined);

const polling = createPolling({
  round: archive.refresh,
  onSuccess: () => (trouble.value = undefined),
  onFailure: (error, nextMs) => {
    trouble.value = `${toTroubleText(error)} The next attempt follows in ${toLengthText(nextMs)}.`;
  },
});

/** The address is the page's state: `?show=` and a name. */
function readAddress(): void {
  archive.wanted.value = new URLSearchParams(location.search).get("show") ?? undefined;
  polling.start();
}

/** Nobody sees what a hidden page would ask for. */
function followVisibility(): void {
  if (document.hidden) polling.stop();
  else polling.start();
}

const parts: PageParts = {
  archive,
  playback,
  trouble,
  onPick: (name) => {
    history.pushState(null, "", `?show=${encodeURIComponent(name)}`);
    readAddress();
  },
  onPlay: ({ name, timezone }, session) => {
    const turn = (playback.value?.turn ?? 0) + 1;
    playback.value = { turn, show: name, timezone, session };
  },
  onEarlier: () => archive.readEarlier(new AbortController().signal),
  onRetry: polling.start,
};

addEventListener("popstate", readAddress);
document.addEventListener("visibilitychange", followVisibility);
readAddress();

const root = document.querySelector("#page");
if (root === null) throw new Error("the page has no element #page");
root.replaceChildren();
render(<Page {...parts} />, root);
