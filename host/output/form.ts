// SPDX-License-Identifier: Apache-2.0
// How alerts read in an output of lines. A terminal gets text for a person unless the form is settled;
// everybody else gets Falco's JSON. `text` is Falco's sentence, with control characters as JSON writes them.
import { isatty } from "node:tty";
import { type Alert, type AlertStyle, alertJson, alertSentence } from "./alert.js";
import { alertText, escaped } from "./alert-text.js";

export type Form = "json" | "text";

/** An alert's line for `target`: `stdout`, `stderr` or a file. */
export function alertForm(form: Form | undefined, target: string, style: AlertStyle): (alert: Alert) => string {
  if (form === undefined && isTerminal(target)) return alertText;
  return form === "text" ? (alert) => escaped(alertSentence(alert, style)) : (alert) => alertJson(alert, style);
}

function isTerminal(target: string): boolean {
  return (target === "stderr" && isatty(2)) || (target === "stdout" && isatty(1));
}
