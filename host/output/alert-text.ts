// SPDX-License-Identifier: Apache-2.0
// An alert for a person at a terminal: time, priority in its colour, rule, sentence. The sentence holds names
// that an attacker chose: what could move the cursor or change colours is shown, not sent.
import { styleText } from "node:util";
import type { Priority } from "../finding/priority.js";
import { clockText } from "../wire/time.js";
import type { Alert } from "./alert.js";
import { escapedUnseen, visible } from "./visible.js";

type Style = Parameters<typeof styleText>[0];

/** A priority's colour on a terminal. */
export const PRIORITY_STYLES: Readonly<Record<Priority, Style>> = {
  Emergency: ["bold", "white", "bgRed"],
  Alert: ["bold", "white", "bgRed"],
  Critical: ["bold", "red"],
  Error: "red",
  Warning: "yellow",
  Notice: "cyan",
  Informational: "green",
  Debug: "gray",
};
const PRIORITY_WIDTH = Math.max(...Object.keys(PRIORITY_STYLES).map((name) => name.length));

/**
 * One line in local time, without its line feed. Control characters are shown, never sent to the terminal.
 */
export function alertText(alert: Alert): string {
  const time = styleText("gray", clockText(alert.time).slice(0, 12));
  const priority = styleText(PRIORITY_STYLES[alert.priority], alert.priority.padEnd(PRIORITY_WIDTH));
  return `${time} ${priority} ${styleText("bold", visible(alert.rule))}  ${visible(alert.output)}`;
}

/** Control characters as JSON writes them, as Falco does in its text output too: an alert stays one line. */
export const escaped = escapedUnseen;
