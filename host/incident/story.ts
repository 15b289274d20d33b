// SPDX-License-Identifier: Apache-2.0
// An incident for a person at a terminal: what it is, the processes as a tree, and what happened in order.
// Texts that an attacker chose are shown, never sent to the terminal, and no line is longer than the terminal
// is wide.
//
//   INCIDENT (Alert)  Shell on a socket
//     4 findings in 0.2 s: Execution, Command and Control, Credential Access
//
//     sh -c getent hosts localhost; bash -c ... *      the processes; * is what findings are about
//     └─ bash -i *
//        └─ cat /etc/shadow *
//
//     16:17:57.881  A server started a shell           sh -c getent ...
//         +0.120 s  It connected to 10.0.0.9:4444      bash -i
import { styleText } from "node:util";
import { PRIORITY_STYLES } from "../output/alert-text.js";
import { counted } from "../output/counted.js";
import { visible } from "../output/visible.js";
import { clockText } from "../wire/time.js";
import type { IncidentView, Row, TreeProcess } from "./parts.js";
import { TACTICS } from "./tactics.js";

/** Rows and processes of one story; what is beyond is counted. */
export interface StoryOptions {
  readonly width: number;
  readonly hasColours: boolean;
  readonly rowsMax?: number;
  readonly processesMax?: number;
}

const ROWS_MAX = 20;
const PROCESSES_MAX = 16;
const RUNBOOKS_MAX = 3;
const CLOCK_WIDTH = 12;
/** Of what happened. What is left of a line is for the command. */
const SENTENCE_WIDTH = 50;
const SENTENCE_WIDTH_MIN = 20;
const ABOUT_WIDTH_MIN = 16;

/** Its lines. */
export function storyOf(view: IncidentView, options: StoryOptions): string[] {
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    options.hasColours ? styleText(format, text, { validateStream: false }) : text;
  const { width, rowsMax = ROWS_MAX, processesMax = PROCESSES_MAX } = options;
  const told = view.rows.filter(isTold);
  const rows = told.slice(0, rowsMax);
  const tree = treeLines(view.processes, processesMax);
  const left = leftOut(view, told.length - rows.length, tree.hidden);
  const head = `INCIDENT (${view.severity})  ${visible(view.title)}`;
  return [
    style(PRIORITY_STYLES[view.severity], fit(head, width)),
    fit(`  ${summary(view)}`, width),
    "",
    ...tree.lines.map((line) => style("gray", fit(`  ${line}`, width))),
    ...(tree.lines.length > 0 ? [""] : []),
    ...rows.map((row) => rowLine(row, view.first, width, style)),
    ...(left === "" ? [] : [fit(`  ${left}`, width)]),
    ...runbooksOf(view.rows).map((address) => fit(`  What to do: ${visible(address)}`, width)),
  ];
}

/** Of its rules, at most three. */
function runbooksOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap(({ runbook }) => runbook ?? []))].slice(0, RUNBOOKS_MAX);
}

/** The tree shows what ran: a row is what a rule found, what was denied, and where it connected to. */
function isTold({ kind }: Row): boolean {
  return kind !== "exec";
}

function summary(view: IncidentView): string {
  const tactics = view.tactics.map((id) => TACTICS.get(id) ?? id);
  const container = view.container === null ? [] : [`in ${visible(view.container.name ?? view.container.id)}`];
  const tenant = view.tenant === null ? [] : [`for ${visible(view.tenant)}`];
  const seconds = Number(view.last - view.first) / 1e9;
  const length =
    view.count === 1 ? [] : [`in ${seconds < 100 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`}`];
  const number = [counted(view.count, "finding"), ...length, ...container, ...tenant].join(" ");
  return [number, tactics.join(", ")].filter((one) => one !== "").join(": ");
}

function rowLine(row: Row, first: bigint, width: number, style: (f: "bold" | "gray", text: string) => string): string {
  const since = Number(row.first - first) / 1e9;
  const clock = since === 0 ? clockText(row.first).slice(0, CLOCK_WIDTH) : `+${since.toFixed(3)} s`;
  const again = row.count > 1 ? ` (${row.count} times)` : "";
  const isFinding = row.kind !== "connect";
  const room = width - CLOCK_WIDTH - 6;
  const sentence = isFinding ? visible(row.text) : `It ${row.text} ${visible(row.subject ?? "")}`;
  const about = visible([row.command, isFinding ? aboutOf(row) : null].filter((one) => one !== null).join("  "));
  const column = Math.min(SENTENCE_WIDTH, Math.max(room - ABOUT_WIDTH_MIN, Math.min(room, SENTENCE_WIDTH_MIN)));
  const said = `${fit(sentence, column - again.length)}${again}`;
  const rest = fit(about, Math.max(0, room - column - 2));
  return `  ${style("gray", clock.padStart(CLOCK_WIDTH))}  ${style("bold", said.padEnd(column))}  ${style("gray", rest)}`.trimEnd();
}

/** What the command line does not say already. */
function aboutOf({ subject, command }: Row): string | null {
  if (subject === null || command?.includes(subject) === true) return null;
  const name = subject.slice(subject.lastIndexOf("/") + 1);
  return command?.split(" ", 1)[0] === name ? null : subject;
}

function leftOut({ leftOut: { findings, steps } }: IncidentView, rows: number, processes: number): string {
  const more = [
    ...(rows + findings > 0 ? [`${counted(rows + findings, "row")} more`] : []),
    ...(steps > 0 ? [`${counted(steps, "step")} not shown`] : []),
    ...(processes > 0 ? [`${counted(processes, "process", "processes")} not shown`] : []),
  ];
  return more.length === 0 ? "" : `(${more.join(", ")})`;
}

function treeLines(processes: readonly TreeProcess[], most: number): { lines: string[]; hidden: number } {
  const children = new Map<string | null, TreeProcess[]>();
  for (const one of [...processes].sort(byStart)) children.set(one.parent, [...(children.get(one.parent) ?? []), one]);
  const lines: string[] = [];
  const seen = new Set<string>();
  let shown = 0;
  const walk = (parent: string | null, indent: string): void => {
    const own = alike(
      (children.get(parent) ?? []).filter(({ key }) => !seen.has(key)),
      children,
    );
    for (const [i, { text, all }] of own.entries()) {
      if (lines.length >= most) return;
      for (const { key } of all) seen.add(key);
      shown += all.length;
      const isLast = i === own.length - 1;
      const branch = parent === null ? "" : isLast ? "└─ " : "├─ ";
      lines.push(`${indent}${branch}${text}${all.length > 1 ? ` (${all.length} times)` : ""}`);
      walk(all[0]!.key, parent === null ? indent : `${indent}${isLast ? "   " : "│  "}`);
    }
  };
  walk(null, "");
  return { lines, hidden: processes.length - shown };
}

/** The branches of one process: those without children that say the same are one. */
function alike(
  processes: readonly TreeProcess[],
  children: ReadonlyMap<string | null, unknown>,
): { readonly text: string; readonly all: TreeProcess[] }[] {
  const branches: { readonly text: string; readonly all: TreeProcess[] }[] = [];
  const leaves = new Map<string, TreeProcess[]>();
  for (const one of processes) {
    const text = `${visible(one.command ?? one.name ?? "?")}${one.isFound ? " *" : ""}`;
    const same = children.has(one.key) ? undefined : leaves.get(text);
    if (same !== undefined) {
      same.push(one);
      continue;
    }
    const all = [one];
    branches.push({ text, all });
    if (!children.has(one.key)) leaves.set(text, all);
  }
  return branches;
}

/** Their keys end with it. */
function byStart(a: TreeProcess, b: TreeProcess): number {
  const started = ({ key }: TreeProcess): number => Number(key.slice(key.indexOf("@") + 1)) || 0;
  return started(a) - started(b);
}

/** At most `width` characters; an ellipsis says that there were more. */
function fit(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`;
}
