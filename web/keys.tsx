// SPDX-License-Identifier: Apache-2.0
// Keys for whoever uses the console all day. Each has a visible way beside it, and all of them can be
// switched off (WCAG 2.1.4): who dictates to a browser says letters. In a field a letter is a letter.
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { keptChoice } from "./kept.js";

/** A screen, and the letter behind `g` that leads there. */
export interface KeyedScreen {
  readonly path: string;
  readonly title: string;
  readonly letter: string;
}

const listen = keptChoice("keys", ["on", "off"]);
/** Between `g` and its letter. */
const NEXT_MS = 1_500;
const KEYS = [
  ["/", "into the first field of the screen"],
  ["j, k", "the next row, the row before"],
  ["Enter", "open the row"],
  ["Esc", "out of a field; from one thing back to the list"],
  ["?", "these keys"],
] as const;

/** The button for the list of keys, and the list. */
export function Keys({ screens }: { screens: readonly KeyedScreen[] }) {
  const list = useRef<HTMLDialogElement>(null);
  const isOpen = useSignal(false);
  const open = (): void => {
    isOpen.value = true;
    list.current?.showModal();
  };
  // Before anything of the page is seen: a key that is pressed at once is heard.
  useLayoutEffect(() => {
    let since = Number.NEGATIVE_INFINITY;
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || list.current?.open) return;
      if (event.key === "Escape") back();
      if (event.key === "Escape" || listen.value === "off" || isField(event.target)) return;
      const isSecond = event.timeStamp - since < NEXT_MS;
      since = event.key === "g" ? event.timeStamp : Number.NEGATIVE_INFINITY;
      const screen = isSecond ? screens.find(({ letter }) => letter === event.key) : undefined;
      const act = screen === undefined ? ACTS[event.key] : () => go(screen.path);
      if (event.key === "?") open();
      else if (act === undefined || act() === false) return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [screens]);
  return (
    <>
      <button type="button" onClick={open}>
        Keys
      </button>
      <dialog ref={list} aria-labelledby="keys" onClose={() => (isOpen.value = false)}>
        {isOpen.value && (
          <>
            <h2 id="keys">Keys</h2>
            <dl class="keys">
              {[...KEYS, ...screens.map(({ letter, title }) => [`g ${letter}`, title] as const)].map(([key, does]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
            <p>
              <label>
                <input
                  type="checkbox"
                  checked={listen.value === "on"}
                  onChange={(event) => {
                    listen.value = event.currentTarget.checked ? "on" : "off";
                  }}
                />{" "}
                Listen for these keys (Esc always works)
              </label>
            </p>
            <button type="button" onClick={() => list.current?.close()}>
              Close
            </button>
          </>
        )}
      </dialog>
    </>
  );
}

/** False: it has nothing to do here, and the key is the browser's. */
const ACTS: Readonly<Record<string, () => boolean>> = {
  "/": () => {
    const field = document.querySelector<HTMLElement>("main .filter input");
    field?.focus();
    return field !== null;
  },
  j: () => step(1),
  k: () => step(-1),
  Enter: () => {
    const row = document.activeElement;
    if (!(row instanceof HTMLTableRowElement)) return false;
    const way = row.querySelector<HTMLElement>(OPENS);
    way?.click();
    return way !== null;
  },
};
/** Links, and buttons that show more of their row. Any other button does something, which opens no row. */
const OPENS = "a[href], button[data-opens]";

function go(path: string): boolean {
  location.hash = `#${path}`;
  return true;
}

/** From the row that has the focus, or in which it is, to another; at first to the first. */
function step(by: number): boolean {
  const rows = [...document.querySelectorAll<HTMLTableRowElement>("main tbody tr")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[at < 0 ? 0 : at + by];
  if (row === undefined) return rows.length > 0;
  row.tabIndex = -1;
  row.focus();
  return true;
}

/** Out of a field; else from one incident or process to all of them. */
function back(): void {
  const { activeElement } = document;
  if (isField(activeElement)) {
    (activeElement as HTMLElement).blur();
    return;
  }
  const [, list] = /^#(\/\w+)[/?]/.exec(location.hash) ?? [];
  if (list !== undefined) location.hash = `#${list}`;
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input:not([type=checkbox]), textarea, select") !== null;
}
