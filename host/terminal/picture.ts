// SPDX-License-Identifier: Apache-2.0
// The screen as lines: a function of the state, the size and what the terminal can show. Each line has
// exactly as many cells as the screen is wide, one less in the last line: a character in the last cell of all
// would scroll some terminals. Every text that came from outside passes harmless().
//
//   Vedette top  Processes                                     /run/vedette.sock  live
//   Filter: container.id=9f0c                             1203 ev/s  12 rows  5 left out
//   PID     USER      EV/S   IN     OUT    ERRORS COMMAND
//   41      root      812.0  1.2M   -      0      nginx: worker process
//   ...
//   F1 Help  F2 Views  / Search  F4 Filter  Enter In  Back Out  ...
import type { Column } from "../activity/activity.js";
import { counted } from "../output/counted.js";
import { KEYS } from "./help.js";
import { chosenIn, type Level, levelIn, rowsIn, type State, type TableRow } from "./state.js";
import { fit, harmless, widthOf, wrapped } from "./text.js";
import { cellText } from "./values.js";
import { isTold, TOP_VIEWS } from "./views.js";

/** What a terminal can show. */
export interface Look {
  readonly hasColours: boolean;
  /** It shows characters of ASCII alone. */
  readonly isAscii: boolean;
}

/** Cells. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

const LAST_COLUMN_MIN = 16;
const FIXED_LINES = 4;
const NUMBERS: ReadonlySet<string> = new Set(["count", "rate", "bytes", "ns"]);
/** By the words that findings, incidents and policies use. */
const STATE_COLOURS: Readonly<Record<string, string>> = {
  Emergency: "1;31",
  Alert: "1;31",
  Critical: "1;31",
  Error: "31",
  Warning: "33",
  Notice: "36",
  Informational: "32",
  judging: "32",
  slow: "33",
  resting: "31",
  outdated: "33",
  refused: "31",
};

/** Rows of the table that a screen shows at once. */
export const pageOf = ({ height }: Size): number => Math.max(1, height - FIXED_LINES);

/** The lines, with the sequences of colours in them. */
export function pictureOf(state: State, size: Size, look: Look): string[] {
  const paint = new Paint(size.width, look);
  const lines = [titleLine(state, paint), summaryLine(state, paint), ...bodyLines(state, size, paint)];
  const footer = footerLine(state, paint, size.width - 1);
  return size.height === 1 ? [footer] : [...lines.slice(0, size.height - 1), footer];
}

/** Styles and widths of one screen. */
class Paint {
  readonly width: number;
  readonly #look: Look;

  constructor(width: number, look: Look) {
    this.width = width;
    this.#look = look;
  }

  clean(text: string): string {
    return harmless(text, this.#look.isAscii);
  }

  /** `code` of SGR. Colours are left out where they are not wanted; bold and reversed are none. */
  style(code: string, text: string): string {
    const shown = this.#look.hasColours ? code : code.replace(/(^|;)[34]\d(?=;|$)/g, "").replace(/^;/, "");
    return shown === "" ? text : `\x1b[${shown}m${text}\x1b[0m`;
  }

  /** Both ends of a line; the left one is cut first. */
  ends(left: string, right: string, width = this.width): string {
    const end = fit(right, Math.min(widthOf(right), width));
    const room = width - widthOf(end);
    return fit(left, Math.max(0, room - 1)) + (room > 0 ? " " : "") + end;
  }
}

function titleLine(state: State, paint: Paint): string {
  const { view } = levelIn(state);
  const depth = state.levels.length > 1 ? ` (${state.levels.map((level) => level.view.title).join(" > ")})` : "";
  const source = paint.clean(state.source);
  const name = fit(source, Math.min(widthOf(source), Math.floor(paint.width / 3)));
  const text = paint.ends(` Vedette top  ${view.title}${depth}`, `${name}  ${wordOf(state)} `);
  return paint.style("1;7", text);
}

function wordOf({ isPaused, looked }: State): string {
  return isPaused ? "paused" : looked.kind;
}

function summaryLine(state: State, paint: Paint): string {
  const { table, looked, missed, word } = state;
  if (word !== null) return paint.style("1;33", fit(` ${paint.clean(word)}`, paint.width));
  if (looked.kind === "failed") return paint.style("1;31", fit(` ${paint.clean(looked.why)}`, paint.width));
  const level = levelIn(state);
  const missing = [
    ...(table !== null && table.leftOut > 0 ? [`${cellText(table.leftOut, "count")} left out`] : []),
    ...(missed.batches > 0 ? [`${cellText(missed.batches, "count")} batches missed`] : []),
    ...(missed.events > 0 ? [`${cellText(missed.events, "count")} events missed`] : []),
  ];
  const told = isTold(level.view) ? [] : [`${table?.rate ?? 0} ev/s`];
  const right = [...told, counted(table?.all ?? 0, "row"), ...missing].join("  ");
  const ended = looked.kind === "ended" ? `${looked.how}. ` : "";
  return paint.ends(` ${ended}${filterText(level, state.search, paint)}`, `${right} `);
}

function filterText({ filter, incident }: Level, search: string, paint: Paint): string {
  const parts = [
    ...(incident === null ? [] : [`Incident ${paint.clean(incident)}`]),
    ...(filter === "" ? [] : [`Filter: ${paint.clean(filter)}`]),
    ...(search === "" ? [] : [`Search: ${paint.clean(search)}`]),
  ];
  return parts.length === 0 ? "No filter" : parts.join("  ");
}

function bodyLines(state: State, size: Size, paint: Paint): string[] {
  const { front } = state;
  const height = Math.max(0, size.height - FIXED_LINES + 1);
  if (front.kind === "help") return page(helpTexts(paint), front.top, height, paint);
  if (front.kind === "row") return page(rowTexts(state, paint), front.top, height, paint);
  if (front.kind === "views") return viewLines(front.at, height, paint);
  return tableLines(state, height, paint);
}

/** Lines from `top` on, as far as there are so many. */
function page(texts: readonly string[], top: number, height: number, paint: Paint): string[] {
  const from = Math.max(0, Math.min(top, texts.length - height));
  return Array.from({ length: height }, (_, i) => fit(texts[from + i] ?? "", paint.width));
}

function helpTexts(paint: Paint): string[] {
  return KEYS.flatMap(({ keys, does }) => wrapped(` ${keys.padEnd(18)}${does}`, paint.width));
}

function rowTexts(state: State, paint: Paint): string[] {
  const { columns } = levelIn(state).view;
  const rows = rowsIn(state);
  const row = rows[chosenIn(state, rows)];
  if (row === undefined) return [" There is no row."];
  return columns.flatMap(({ name, unit }, i) => {
    const text = paint.clean(cellText(row[i + 1] ?? "", unit));
    return wrapped(` ${name.padEnd(10)} ${text}`, paint.width);
  });
}

function viewLines(at: number, height: number, paint: Paint): string[] {
  const from = Math.max(0, Math.min(at - height + 1, TOP_VIEWS.length - height));
  return Array.from({ length: height }, (_, i) => {
    const view = TOP_VIEWS[from + i];
    if (view === undefined) return fit("", paint.width);
    const text = fit(` ${view.key}  ${view.title.padEnd(17)} ${view.about}`, paint.width);
    return from + i === at ? paint.style("7", text) : text;
  });
}

function tableLines(state: State, height: number, paint: Paint): string[] {
  const level = levelIn(state);
  const shown = shownColumns(level.view.columns, paint.width);
  const rows = rowsIn(state);
  const chosen = chosenIn(state, rows);
  const room = Math.max(0, height - 1);
  const from = Math.max(0, Math.min(chosen - Math.floor(room / 2), rows.length - room));
  const lines = Array.from({ length: room }, (_, i) => {
    const row = rows[from + i];
    if (row === undefined) return fit(i === 0 ? emptyText(state, paint) : "", paint.width);
    return rowLine(row, shown, paint, from + i === chosen);
  });
  return [headLine(level, shown, paint), ...lines];
}

/** Three states that must not look alike: nothing yet, nothing at all, and not looked. */
function emptyText(state: State, paint: Paint): string {
  if (state.looked.kind === "failed") return " This could not be looked at; the line above says why.";
  if (isTold(levelIn(state).view) && !state.isJudged)
    return " Nothing is judged here. Look at a `vedette run` or `vedette serve` with --socket.";
  if (state.table === null && state.looked.kind === "ended")
    return " Nothing more came once this view was chosen. `vedette record` keeps what happens for later.";
  if (state.table === null) return " Waiting for the first table.";
  if (state.search !== "") return ` No row has ${paint.clean(state.search)}.`;
  return " Nothing so far.";
}

interface ShownColumn extends Column {
  /** Of the cell in its row. */
  readonly at: number;
  readonly cells: number;
}

/** The columns for which there is room. The last one has what is left. */
function shownColumns(columns: readonly Column[], width: number): ShownColumn[] {
  let shown = columns.map((one, i) => ({ ...one, at: i + 1 }));
  const taken = (): number => shown.slice(0, -1).reduce((sum, one) => sum + one.width + 1, 1);
  while (width - taken() < LAST_COLUMN_MIN) {
    const rank = Math.max(...shown.map((one) => one.rank));
    if (rank === 0) break;
    shown = shown.filter((one) => one.rank !== rank);
  }
  const rest = Math.max(1, width - taken());
  return shown.map((one, i) => ({ ...one, cells: i === shown.length - 1 ? rest : one.width }));
}

function headLine({ sort, isTurned }: Level, shown: readonly ShownColumn[], paint: Paint): string {
  const cells = shown.map(({ name, cells, unit }) => {
    const mark = name === sort ? (isTurned ? "^" : "v") : "";
    return fit(`${name}${mark}`, cells, NUMBERS.has(unit) ? "right" : "left");
  });
  return paint.style("1;4", fit(` ${cells.join(" ")}`, paint.width));
}

function rowLine(row: TableRow, shown: readonly ShownColumn[], paint: Paint, isChosen: boolean): string {
  const cells = shown.map(({ at, cells, unit }) => {
    const value = row[at] ?? "";
    const text = fit(paint.clean(cellText(value, unit)), cells, NUMBERS.has(unit) ? "right" : "left");
    const colour = unit === "state" && !isChosen ? STATE_COLOURS[String(value)] : undefined;
    return colour === undefined ? text : paint.style(colour, text);
  });
  // Cells have their widths, so only a screen that is too narrow for them is cut: there are no styles in it.
  const line = ` ${cells.join(" ")}`;
  const whole = line.includes("\x1b") ? line : fit(line, paint.width);
  return isChosen ? paint.style("7", whole) : whole;
}

const FOOTER: readonly (readonly [key: string, does: string])[] = [
  ["F1", "Help"],
  ["F2", "Views"],
  ["F4", "Filter"],
  ["/", "Search"],
  ["Enter", "In"],
  ["Bksp", "Out"],
  ["F5", "Echo"],
  ["F6", "Dig"],
  ["F9", "Sort"],
  ["p", "Pause"],
  ["c", "Clear"],
  ["q", "Quit"],
];

function footerLine(state: State, paint: Paint, width: number): string {
  const { front } = state;
  if (front.kind === "filter" || front.kind === "search") {
    const text = `${front.kind === "filter" ? "Filter" : "Search"}: ${paint.clean(front.text)}_`;
    // Who types sees the end of what was typed.
    const lines = wrapped(text, Math.max(1, width));
    return paint.style("1", fit(lines.at(-1) ?? "", width));
  }
  if (front.kind === "case") {
    const keys = "Case: t true positive  f false positive  c close  o open";
    return paint.style("1", fit(`${keys}  of ${paint.clean(front.incident)}`, width));
  }
  let [line, taken] = ["", 0];
  for (const [key, does] of FOOTER) {
    const cells = key.length + does.length + 2;
    if (taken + cells > width) break;
    line += `${paint.style("7", key)} ${does} `;
    taken += cells;
  }
  return line + " ".repeat(Math.max(0, width - taken));
}
