// SPDX-License-Identifier: Apache-2.0
// Processes as a tree: one list of rows, each child behind its parent and further in (WAI-ARIA's tree). One
// row takes the focus; the arrows lead to the others, open and close them, and Enter chooses one.
import { type Signal, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Named } from "./parts.js";
import { rowsOf } from "./tree-rows.js";
import { count, visible } from "./words.js";

/** A process; one whose parent is not among them begins a tree of its own. */
export interface TreeProcess {
  readonly key: string;
  readonly parent: string | null;
  readonly pid: number | null;
  readonly name: string | null;
  readonly command: string | null;
  /** A finding is about it. */
  readonly isFound: boolean;
}

/** Rows that are shown before somebody asks for more. */
const ROWS = 200;
/** Further in than this no row is set: it would leave the page. */
const LEVELS_SEEN = 12;
const STEP_PX = 14;

export function Tree(props: {
  name: string;
  all: readonly TreeProcess[];
  /** Key of the one that somebody chose. */
  chosen: Signal<string | null>;
}) {
  const { name, all, chosen } = props;
  const closed = useSignal<ReadonlySet<string>>(new Set());
  const most = useSignal(ROWS);
  const focused = useSignal<string | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const rows = rowsOf(all, closed.value);
  const shown = rows.slice(0, most.value);
  const at = Math.max(
    0,
    shown.findIndex(({ of }) => of.key === focused.value),
  );
  const focus = (index: number): void => {
    const row = shown[index];
    if (row === undefined) return;
    focused.value = row.of.key;
    (list.current?.children[index] as HTMLElement | undefined)?.focus();
  };
  const toggle = (key: string): void => {
    const next = new Set(closed.value);
    if (!next.delete(key)) next.add(key);
    closed.value = next;
  };
  const choose = (key: string): void => {
    chosen.value = chosen.value === key ? null : key;
  };
  const onClick = ({ target }: MouseEvent): void => {
    const item = (target as HTMLElement).closest("[role=treeitem]");
    const row = item === null ? undefined : shown[[...(list.current?.children ?? [])].indexOf(item)];
    if (row !== undefined && (target as HTMLElement).closest("button") === null) choose(row.of.key);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const row = shown[at];
    if (row === undefined || (event.target as HTMLElement).role !== "treeitem") return;
    const { of, children } = row;
    const isClosed = closed.value.has(of.key);
    const acts: Record<string, () => void> = {
      ArrowDown: () => focus(at + 1),
      ArrowUp: () => focus(at - 1),
      Home: () => focus(0),
      End: () => focus(shown.length - 1),
      ArrowRight: () => (children > 0 && isClosed ? toggle(of.key) : children > 0 && focus(at + 1)),
      ArrowLeft: () =>
        children > 0 && !isClosed ? toggle(of.key) : focus(shown.findIndex((one) => one.of.key === of.parent)),
      Enter: () => choose(of.key),
      " ": () => choose(of.key),
    };
    const act = acts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  if (rows.length === 0) return <p class="quiet">No process is known.</p>;
  return (
    <>
      <div class="tree" role="tree" aria-label={name} ref={list} onKeyDown={onKeyDown} onClick={onClick}>
        {shown.map(({ of, level, nth, siblings, children }, index) => (
          <div
            key={of.key}
            role="treeitem"
            aria-level={level}
            aria-posinset={nth}
            aria-setsize={siblings}
            aria-expanded={children > 0 ? !closed.value.has(of.key) : undefined}
            aria-selected={chosen.value === of.key}
            class={chosen.value === of.key ? "chosen" : ""}
            tabIndex={index === at ? 0 : -1}
            style={{ paddingLeft: `${(Math.min(level, LEVELS_SEEN) - 1) * STEP_PX}px` }}
            onFocus={() => (focused.value = of.key)}
          >
            {children > 0 ? (
              <button
                type="button"
                class="fold"
                tabIndex={-1}
                aria-label={`${closed.value.has(of.key) ? "Open" : "Close"} ${visible(of.name ?? "?")}`}
                onClick={() => toggle(of.key)}
              >
                {closed.value.has(of.key) ? "▸" : "▾"}
              </button>
            ) : (
              <span class="fold" aria-hidden="true" />
            )}
            <span class={of.isFound ? "found" : ""}>
              {of.isFound && (
                <span class="severe" aria-hidden="true">
                  ▲{" "}
                </span>
              )}
              {visible(of.name ?? "?")} <span class="quiet">{of.pid}</span>
              {of.isFound && <span class="quiet"> finding</span>}
            </span>
            {of.command !== null && (
              <code>
                <Named of={of.command} />
              </code>
            )}
          </div>
        ))}
      </div>
      {rows.length > shown.length && (
        <button type="button" onClick={() => (most.value += ROWS)}>
          {count(rows.length - shown.length)} more
        </button>
      )}
    </>
  );
}
