// SPDX-License-Identifier: Apache-2.0
// What the screen knows, and what a key or a table changes in it: a function of the state and what came. It
// draws nothing and asks nobody. What is to be done besides is its `effect`.
import type { Table } from "../activity/activity.js";
import { both, conditionOf } from "./condition.js";
import type { Decision, Looked } from "./source.js";
import { isTold, TOP_VIEWS, type TopView, topViewOf } from "./views.js";

/** One view with its filter: Enter puts another one on top, Backspace takes it away. */
export interface Level {
  readonly view: TopView;
  readonly filter: string;
  readonly incident: string | null;
  /** The column's name; null: in the order of time. */
  readonly sort: string | null;
  readonly isTurned: boolean;
  /** The key of the row that is chosen; null: the first. */
  readonly chosen: string | null;
}

/** What stands in front of the table. */
export type Front =
  | { readonly kind: "table" }
  | { readonly kind: "help"; readonly top: number }
  | { readonly kind: "row"; readonly top: number }
  | { readonly kind: "views"; readonly at: number }
  /** Which decision about this incident? It stays the same one, whatever table comes until the answer. */
  | { readonly kind: "case"; readonly incident: string }
  | { readonly kind: "filter" | "search"; readonly text: string };

/** All that is drawn. */
export interface State {
  readonly source: string;
  readonly isJudged: boolean;
  /** At least one; the last is shown. */
  readonly levels: readonly Level[];
  readonly front: Front;
  readonly table: Table | null;
  readonly looked: Looked;
  readonly missed: { readonly events: number; readonly batches: number };
  readonly search: string;
  readonly isPaused: boolean;
  /** What is to be written down (`decide`). */
  readonly decision: Decision | null;
  /** A sentence until the next key. */
  readonly word: string | null;
}

/** What came. `page`: rows that the screen shows at once. */
export type Input =
  | { readonly kind: "key"; readonly key: string; readonly page: number }
  | { readonly kind: "table"; readonly table: Table }
  | { readonly kind: "gap"; readonly events: number; readonly batches: number }
  | { readonly kind: "looked"; readonly looked: Looked }
  | { readonly kind: "word"; readonly word: string };

/**
 * `watch`: what is looked at is another thing now, or is to be counted anew. `decide`: State.decision is to
 * be carried out.
 */
export type Effect = "none" | "watch" | "decide" | "quit" | "stop" | "redraw";

/** A row of a table. */
export type TableRow = Table["rows"][number];

const SEARCH_MAX = 200;
const FILTER_MAX = 4_000;
const NOTHING_MISSED = { events: 0, batches: 0 };

/** The state at the beginning. */
export function stateOf(source: { name: string; isJudged: boolean }, view: TopView, filter: string): State {
  return {
    source: source.name,
    isJudged: source.isJudged,
    levels: [levelOf(view, filter)],
    front: { kind: "table" },
    table: null,
    looked: { kind: "waiting" },
    missed: NOTHING_MISSED,
    search: "",
    isPaused: false,
    decision: null,
    word: null,
  };
}

function levelOf(view: TopView, filter: string, incident: string | null = null): Level {
  return { view, filter, incident, sort: view.sort, isTurned: false, chosen: null };
}

/** The level that is shown. */
export const levelIn = ({ levels }: State): Level => levels.at(-1) as Level;

/** The rows in the order in which they are shown, those alone that have what is searched. */
export function rowsIn(state: State): readonly TableRow[] {
  const { table, search } = state;
  const { view, sort, isTurned } = levelIn(state);
  if (table === null || table.view !== view.id) return [];
  const wanted = search.toLowerCase();
  const rows = search === "" ? table.rows : table.rows.filter((row) => has(row, wanted));
  const at = view.columns.findIndex(({ name }) => name === sort);
  if (at < 0) return isTurned ? rows.toReversed() : rows;
  const order = isTurned ? -1 : 1;
  return rows.toSorted((a, b) => order * compare(a[at + 1] ?? "", b[at + 1] ?? "") || (a[0] < b[0] ? -1 : 1));
}

function has(row: TableRow, wanted: string): boolean {
  return row.some((cell, i) => i > 0 && String(cell).toLowerCase().includes(wanted));
}

/** Numbers: the greatest first. Texts: in the order of letters, numbers in them by size. */
function compare(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return b - a;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1; // what is not known stands last
  return ORDER.compare(String(a), String(b));
}
const ORDER = new Intl.Collator("en", { numeric: true });

/** Which of the rows is chosen. */
export function chosenIn(state: State, rows: readonly TableRow[]): number {
  const { chosen } = levelIn(state);
  return Math.max(0, chosen === null ? 0 : rows.findIndex(([key]) => key === chosen));
}

/** What becomes of the state. */
export function update(state: State, input: Input): { readonly state: State; readonly effect: Effect } {
  switch (input.kind) {
    case "table":
      return still(state.isPaused ? state : { ...state, table: input.table });
    case "gap": {
      const { events, batches } = state.missed;
      return still({ ...state, missed: { events: events + input.events, batches: batches + input.batches } });
    }
    case "looked":
      return still({ ...state, looked: input.looked });
    case "word":
      return still({ ...state, word: input.word });
    case "key":
      return onKey({ ...state, word: null }, input.key, input.page);
  }
}

type Updated = ReturnType<typeof update>;
const still = (state: State): Updated => ({ state, effect: "none" });
const ALWAYS: Readonly<Record<string, Effect>> = { "ctrl-c": "quit", "ctrl-z": "stop", "ctrl-l": "redraw" };
const toTable = (state: State): State => ({ ...state, front: { kind: "table" } });

function onKey(state: State, key: string, page: number): Updated {
  const { front } = state;
  if (ALWAYS[key] !== undefined) return { state, effect: ALWAYS[key] };
  switch (front.kind) {
    case "filter":
    case "search":
      return onPromptKey(state, front.kind, front.text, key);
    case "views":
      return onViewsKey(state, front.at, key, page);
    case "case":
      return onCaseKey(toTable(state), front.incident, key);
    case "help":
    case "row":
      if (key === "down" || key === "j") return still({ ...state, front: { ...front, top: front.top + 1 } });
      if (key === "up" || key === "k") return still({ ...state, front: { ...front, top: Math.max(0, front.top - 1) } });
      if (key === "q" || key === "f10") return { state, effect: "quit" };
      return still(toTable(state));
    case "table":
      return onTableKey(state, key, page);
  }
}

function onPromptKey(state: State, what: "filter" | "search", text: string, key: string): Updated {
  const typing = (text: string): Updated => still({ ...state, front: { kind: what, text } });
  if (key === "escape") return still(toTable(state));
  if (key === "backspace") return typing([...text].slice(0, -1).join(""));
  if (key === "ctrl-u") return typing("");
  if (key === "enter") {
    if (what === "search") return still({ ...toTable(state), search: text });
    return look(toTable(state), { ...levelIn(state), filter: text.trim(), chosen: null });
  }
  const isOne = [...key].length === 1;
  return isOne && text.length < (what === "filter" ? FILTER_MAX : SEARCH_MAX) ? typing(text + key) : still(state);
}

function onViewsKey(state: State, at: number, key: string, page: number): Updated {
  const last = TOP_VIEWS.length - 1;
  const move = (to: number): Updated =>
    still({ ...state, front: { kind: "views", at: Math.min(last, Math.max(0, to)) } });
  if (key === "up") return move(at - 1);
  if (key === "down") return move(at + 1);
  if (key === "pageup" || key === "home") return move(key === "home" ? 0 : at - page);
  if (key === "pagedown" || key === "end") return move(key === "end" ? last : at + page);
  if (key === "f10") return { state, effect: "quit" };
  const chosen = key === "enter" ? TOP_VIEWS[at] : TOP_VIEWS.find((view) => view.key === key);
  return chosen === undefined ? still(toTable(state)) : show(toTable(state), chosen);
}

const DECISIONS: Readonly<Record<string, Omit<Decision, "incident">>> = {
  t: { state: "closed", verdict: "true_positive" },
  f: { state: "closed", verdict: "false_positive" },
  c: { state: "closed" },
  o: { state: "open" },
};

/** Any other key decides nothing. */
function onCaseKey(state: State, incident: string, key: string): Updated {
  const decided = DECISIONS[key];
  if (decided === undefined) return still(state);
  return { state: { ...state, decision: { incident, ...decided } }, effect: "decide" };
}

/** Asks what is to be decided about the chosen incident. */
function act(state: State): Updated {
  const level = levelIn(state);
  const rows = rowsIn(state);
  const [incident] = rows[chosenIn(state, rows)] ?? [];
  if (level.view.id !== "incidents" || incident === undefined)
    return still({ ...state, word: "Choose an incident first: v shows the views." });
  return still({ ...withLevel(state, { ...level, chosen: incident }), front: { kind: "case", incident } });
}

/** Another view of the same: the filter stays where both views are of events. */
function show(state: State, view: TopView): Updated {
  const level = levelIn(state);
  const isAlike = isTold(view) === isTold(level.view);
  return look(state, levelOf(view, isAlike ? level.filter : "", isAlike ? level.incident : null));
}

/** Looks at something else on this level. */
function look(state: State, level: Level): Updated {
  return watching({ ...state, levels: [...state.levels.slice(0, -1), level] });
}

function watching(state: State): Updated {
  return {
    state: { ...state, table: null, looked: { kind: "waiting" }, missed: NOTHING_MISSED, isPaused: false, search: "" },
    effect: "watch",
  };
}

const SHIFTED = "!@#$%^&*(";

function onTableKey(state: State, key: string, page: number): Updated {
  const level = levelIn(state);
  const choose = (by: number): Updated => still(chosenBy(state, by));
  const setFront = (front: Front): Updated => still({ ...state, front });
  switch (key) {
    case "q":
    case "f10":
      return { state, effect: "quit" };
    case "f1":
    case "?":
    case "h":
      return setFront({ kind: "help", top: 0 });
    case "f2":
    case "v":
      return setFront({ kind: "views", at: TOP_VIEWS.indexOf(level.view) });
    case "/":
    case "ctrl-f":
      return setFront({ kind: "search", text: state.search });
    case "f4":
    case "f":
      return setFront({ kind: "filter", text: level.filter });
    case "f5":
    case "e":
      return below(state, "echo");
    case "f6":
    case "d":
      return below(state, "events");
    case "f8":
    case "a":
      return act(state);
    case "f9":
    case ">":
      return still(sortedBy(state, nextColumn(level)));
    case "p":
      return still({ ...state, isPaused: !state.isPaused });
    case "c":
      return watching(state);
    case "enter":
      return enter(state);
    case "backspace":
    case "escape":
      return back(state);
    case "i":
      return setFront({ kind: "row", top: 0 });
    case "up":
    case "k":
      return choose(-1);
    case "down":
    case "j":
      return choose(1);
    case "pageup":
      return choose(-page);
    case "pagedown":
    case " ":
      return choose(page);
    case "home":
    case "g":
      return choose(Number.NEGATIVE_INFINITY);
    case "end":
    case "G":
      return choose(Number.POSITIVE_INFINITY);
  }
  const index = SHIFTED.includes(key) ? SHIFTED.indexOf(key) : "123456789".indexOf(key);
  return still(index < 0 ? state : sortedBy(state, level.view.columns[index]?.name));
}

function chosenBy(state: State, by: number): State {
  const rows = rowsIn(state);
  if (rows.length === 0) return state;
  const to = Math.min(rows.length - 1, Math.max(0, chosenIn(state, rows) + by));
  return withLevel(state, { ...levelIn(state), chosen: (rows[to] as TableRow)[0] });
}

function withLevel(state: State, level: Level): State {
  return { ...state, levels: [...state.levels.slice(0, -1), level] };
}

function nextColumn({ view, sort }: Level): string | undefined {
  const at = view.columns.findIndex(({ name }) => name === sort);
  return view.columns[(at + 1) % view.columns.length]?.name;
}

/** The same column again turns the order. */
function sortedBy(state: State, column: string | undefined): State {
  if (column === undefined) return state;
  const level = levelIn(state);
  const isSame = level.sort === column;
  return withLevel(state, { ...level, sort: column, isTurned: isSame && !level.isTurned });
}

function enter(state: State): Updated {
  const { view } = levelIn(state);
  const rows = rowsIn(state);
  const row = rows[chosenIn(state, rows)];
  if (row === undefined) return still(state);
  if (view.drill === null) return still({ ...state, front: { kind: "row", top: 0 } });
  if (isTold(view)) return push(state, levelOf(topViewOf(view.drill.to)!, "", row[0]));
  return below(state, view.drill.to);
}

/** A view of what the chosen row stands for. */
function below(state: State, to: string): Updated {
  const { view, filter } = levelIn(state);
  const target = topViewOf(to)!;
  const rows = rowsIn(state);
  const row = rows[chosenIn(state, rows)];
  if (isTold(view) || row === undefined) return push(state, levelOf(target, isTold(view) ? "" : filter));
  const { drill } = view;
  if (drill === null) return target === view ? still(state) : push(state, levelOf(target, filter));
  const { column, field } = drill as { column: string; field: string };
  const value = row[view.columns.findIndex(({ name }) => name === column) + 1] ?? "";
  const condition = conditionOf(field, value);
  if (condition === null) return still({ ...state, word: `This row has no ${column}.` });
  return push(state, levelOf(target, both(filter, condition)));
}

function push(state: State, level: Level): Updated {
  return watching({ ...state, levels: [...state.levels, level] });
}

function back(state: State): Updated {
  if (state.search !== "") return still({ ...state, search: "" });
  if (state.levels.length === 1) return still(state);
  return watching({ ...state, levels: state.levels.slice(0, -1) });
}
