// SPDX-License-Identifier: Apache-2.0
// The keys, as F1 and docs/top.md show them. A test presses each of them.

/** What a key does. */
export interface KeyHelp {
  readonly keys: string;
  readonly does: string;
}

/** csysdig's keys where it has them. Each function key has a letter besides: terminals keep some F keys. */
export const KEYS: readonly KeyHelp[] = [
  { keys: "Enter", does: "look into the row: its condition joins the filter" },
  { keys: "Backspace Esc", does: "back to the view before" },
  { keys: "F2 v", does: "choose another view" },
  { keys: "F4 f", does: "change the filter: a condition as in a rule of Falco's" },
  { keys: "/ Ctrl-F", does: "show only rows that have a text" },
  { keys: "F5 e", does: "show what the row's process reads and writes" },
  { keys: "F6 d", does: "show each event of the row" },
  { keys: "F8 a", does: "of an incident: close its case with a verdict, or open it again" },
  { keys: "F9 >", does: "sort by the next column" },
  { keys: "1 to 9", does: "sort by that column, with Shift or without; again: in the other order" },
  { keys: "i", does: "show the row with all its texts" },
  { keys: "p", does: "pause" },
  { keys: "c", does: "count anew" },
  { keys: "Up Down j k", does: "choose a row; PgUp, PgDn, Home and End too" },
  { keys: "F1 ? h", does: "show this help; any key leaves it" },
  { keys: "Ctrl-L", does: "draw the screen anew" },
  { keys: "Ctrl-Z", does: "stop; `fg` goes on" },
  { keys: "F10 q Ctrl-C", does: "quit" },
];
