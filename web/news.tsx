// SPDX-License-Identifier: Apache-2.0
// Tells who does not see the screen of new incidents (a live region): once in ten seconds at most, when
// nothing else is being said, on every screen. Those that were there when the page came are no news.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "./api.js";
import type { IncidentPage } from "./screens/incidents.js";
import { count, visible } from "./words.js";

const EVERY_MS = 10_000;
/** So many new ones are told apart. */
const LOOKED = 20;

export function News() {
  const said = useSignal("");
  useEffect(() => {
    const over = new AbortController();
    let seen: number | null = null;
    const look = async (): Promise<void> => {
      if (document.hidden && seen !== null) return;
      try {
        const { items } = await ask<IncidentPage>(`/api/v1/incidents?limit=${LOOKED}`, over.signal);
        const before = seen;
        seen = items.reduce((most, { seq }) => Math.max(most, seq), before ?? -1);
        if (before === null) return;
        const fresh = items.filter(({ seq }) => seq > before);
        const [first] = fresh;
        if (first === undefined) return;
        const more = fresh.length === LOOKED ? `${LOOKED} or more` : count(fresh.length);
        said.value =
          fresh.length === 1
            ? `New incident: ${first.severity}, ${visible(first.title)}`
            : `${more} new incidents. The newest: ${first.severity}, ${visible(first.title)}`;
      } catch {
        // The screen says what fails; here there is just no news.
      }
    };
    const timer = setInterval(look, EVERY_MS);
    void look();
    return () => {
      clearInterval(timer);
      over.abort();
    };
  }, []);
  return (
    <p class="unseen news" aria-live="polite">
      {said.value}
    </p>
  );
}
