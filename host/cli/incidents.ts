// SPDX-License-Identifier: Apache-2.0
// How `vedette run` ends at a terminal: the incidents that it saw, the gravest first.
import { isatty, WriteStream } from "node:tty";
import type { Ending } from "../capture/session.js";
import { PRIORITIES } from "../finding/priority.js";
import { type IncidentView, storyOf } from "../incident/incident.js";
import { counted } from "../output/counted.js";
import { totalLost } from "../output/summary.js";
import { say, sayAsIs } from "./failure.js";

const SHOWN_MAX = 10;
const STDERR = 2;
/** Off a terminal, and where it does not say. */
const WIDTH = 100;
const WIDTH_MIN = 40;
/** Longer lines are hard to read. */
const WIDTH_MAX = 140;

/** Whether what the command says is read at a terminal. */
export function isTerminal(): boolean {
  return isatty(STDERR);
}

/** Says them on stderr. `judged`: how the last line begins. */
export function sayIncidents(
  { kept, forgotten }: { readonly kept: readonly IncidentView[]; readonly forgotten: number },
  ending: Ending,
  judged: string,
): void {
  const form = formOf();
  const shown = [...kept].sort(byGravity).slice(0, SHOWN_MAX);
  for (const view of shown) for (const line of ["", ...storyOf(view, form)]) sayAsIs(line, "warning");
  const all = kept.length + forgotten;
  const more = all > shown.length ? `, ${all - shown.length} not shown` : "";
  say("");
  // What was lost is said by itself (sayEnding).
  const whole = totalLost(ending) === 0 ? "; nothing was lost" : "";
  say(`vedette: ${judged}${counted(all, "incident")}${more}${whole}`);
}

function byGravity(a: IncidentView, b: IncidentView): number {
  const gravity = PRIORITIES.indexOf(a.severity) - PRIORITIES.indexOf(b.severity);
  return gravity !== 0 ? gravity : a.first < b.first ? -1 : 1;
}

/** The terminal is opened only now: the workload has ended, so nothing of its streams changes. */
function formOf(): { readonly width: number; readonly hasColours: boolean } {
  if (!isTerminal()) return { width: WIDTH, hasColours: false };
  const terminal = new WriteStream(STDERR);
  const { columns = WIDTH } = terminal;
  const form = { width: Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, columns)), hasColours: terminal.hasColors() };
  terminal.destroy();
  return form;
}
