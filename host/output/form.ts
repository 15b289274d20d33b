// SPDX-License-Identifier: Apache-2.0
// How alerts read in an output of lines. A terminal gets text for a person unless the form is settled;
// everybody else gets Falco's JSON. `text` is Falco's sentence, with control characters as JSON writes them.
import { isatty } from "node:tty";
import { type Alert, type AlertStyle, alertDetail, alertJson, alertSentence } from "./alert.js";
import { alertText, escaped } from "./alert-text.js";
import { visible } from "./visible.js";

/** How an output of lines writes alerts. */
export type Form = "json" | "text";

/** An alert's line for `target`: `stdout`, `stderr` or a file. */
export function alertForm(form: Form | undefined, target: string, style: AlertStyle): (alert: Alert) => string {
  const detail = style.isDetailed === true ? detailText : () => "";
  if (isForPerson(form, target)) return (alert) => alertText(alert) + visible(detail(alert)) + timesText(alert);
  if (form === "text") return (alert) => escaped(alertSentence(alert, style) + detail(alert));
  return (alert) => alertJson(alert, style);
}

/** The 10th, 100th ... of its kind. */
function timesText({ repeat }: Alert): string {
  return repeat?.isTold === true && repeat.count > 1 ? ` (${repeat.count} times)` : "";
}

/** Whether a person reads them at a terminal. */
export function isForPerson(form: Form | undefined, target: string): boolean {
  return form === undefined && isTerminal(target);
}

/** In the manner of what Falco appends to an output. */
function detailText(alert: Alert): string {
  return alertDetail(alert)
    .map(([name, value]) => ` ${name.replaceAll(".", "_")}=${value ?? "<NA>"}`)
    .join("");
}

function isTerminal(target: string): boolean {
  return (target === "stderr" && isatty(2)) || (target === "stdout" && isatty(1));
}
