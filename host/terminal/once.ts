// SPDX-License-Identifier: Apache-2.0
// One table for a program or a pipe: lines of text, or one object of JSON a row. Names are as harmless as on
// the screen, since such lines end on terminals too.
import type { Table } from "../activity/activity.js";
import { fit, harmless, widthOf } from "./text.js";
import { cellText } from "./values.js";
import type { TopView } from "./views.js";

const TEXT_MAX = 60;
const NUMBERS: ReadonlySet<string> = new Set(["count", "rate", "bytes", "ns"]);
/** What JSON.stringify leaves as it is, and a terminal does not. */
const UNSEEN = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/gu;

/** The lines of one table. */
export function printOnce(view: TopView, table: Table, asJson: boolean): string[] {
  const rows = sorted(view, table.rows);
  return asJson ? rows.map((row) => jsonLine(view, row)) : textLines(view, rows);
}

function sorted({ columns, sort }: TopView, rows: Table["rows"]): Table["rows"] {
  const at = columns.findIndex(({ name }) => name === sort) + 1;
  return at === 0 ? rows : rows.toSorted((a, b) => Number(b[at]) - Number(a[at]) || (a[0] < b[0] ? -1 : 1));
}

function jsonLine({ columns }: TopView, row: Table["rows"][number]): string {
  const object = Object.fromEntries(columns.map(({ name }, i) => [memberOf(name), row[i + 1]]));
  return JSON.stringify(object).replace(UNSEEN, (char) =>
    [...Array(char.length).keys()].map((i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** `EV/S` is `ev_per_s`. */
const memberOf = (column: string): string => column.toLowerCase().replace("/", "_per_");

function textLines({ columns }: TopView, rows: Table["rows"]): string[] {
  const cells = rows.map((row) => columns.map(({ unit }, i) => harmless(cellText(row[i + 1] ?? "", unit))));
  const widths = columns.map(({ name }, i) =>
    Math.max(name.length, ...cells.map((row) => Math.min(TEXT_MAX, widthOf(row[i] as string)))),
  );
  return [columns.map(({ name }) => name), ...cells].map((row) =>
    row
      .map((cell, i) => {
        if (i === columns.length - 1) return cell;
        return fit(cell, widths[i] as number, NUMBERS.has(columns[i]!.unit) ? "right" : "left");
      })
      .join("  ")
      .trimEnd(),
  );
}
