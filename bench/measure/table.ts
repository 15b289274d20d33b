// SPDX-License-Identifier: Apache-2.0
//
// The overhead table: a row a workload, a column a watcher, in three forms: lines for a terminal, Markdown for docs/performance.md,
// and the rows themselves.
import type { Verdict } from "./bars.js";

export interface Row {
  readonly workload: string;
  readonly unit: string;
  readonly values: Readonly<Record<string, number>>;
  /** Share of native speed, by watcher. */
  readonly ratio: Readonly<Record<string, number>>;
  /** By watcher; empty where the calls of a round are not known. */
  readonly addedNsPerCall: Readonly<Record<string, number>>;
  readonly events?: number;
  readonly lost?: number;
  /** Share of the calls that may be recorded inline. */
  readonly inline?: number;
}

const HEADINGS: Readonly<Record<string, string>> = {
  native: "native",
  vedette: "Vedette",
  strict: "`--integrity strict`",
  trace: "`--tiers trace`",
  preload: "LD_PRELOAD",
  strace: "`strace -f`",
  ebpf: "eBPF",
};

function cell(row: Row, name: string): string {
  const value = row.values[name];
  if (value === undefined || Number.isNaN(value)) return "-";
  const figure = value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  return name === "native" ? figure : `${figure} (${(row.ratio[name]! * 100).toFixed(0)} %)`;
}

function countCells(row: Row): string[] {
  if (row.inline === undefined) return ["-", "-", "-"];
  return [`${(row.inline * 100).toFixed(1)} %`, row.events!.toLocaleString("en-US"), String(row.lost)];
}

export function headLine(names: readonly string[]): string {
  const heads = [...names, "inline", "events", "lost"];
  return `${"".padEnd(36)}${heads.map((name) => name.padStart(16)).join("")}`;
}

export function textLine(row: Row, names: readonly string[]): string {
  const cells = [...names.map((name) => cell(row, name)), ...countCells(row)];
  return `${`${row.workload} [${row.unit}]`.padEnd(36)}${cells.map((one) => one.padStart(16)).join("")}`;
}

export function markdown(rows: readonly Row[], names: readonly string[], verdicts: readonly Verdict[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const heads = ["workload", "unit", ...names.map((name) => HEADINGS[name] ?? name), "inline", "events", "lost"];
  const added = rows.filter((row) => row.addedNsPerCall.vedette !== undefined);
  return [
    line(heads),
    line(heads.map(() => "---")),
    ...rows.map((row) => line([row.workload, row.unit, ...names.map((name) => cell(row, name)), ...countCells(row)])),
    "",
    line(["loop", "added by Vedette, ns a call", "by eBPF", "ratio"]),
    line(["---", "---", "---", "---"]),
    ...added.map((row) => line(addedCells(row))),
    "",
    line(["bar", "measured", ""]),
    line(["---", "---", "---"]),
    ...verdicts.map(({ bar, measured, met }) =>
      line([bar, measured, met === undefined ? "-" : met ? "met" : "**not met**"]),
    ),
  ].join("\n");
}

function addedCells(row: Row): string[] {
  const ours = row.addedNsPerCall.vedette!;
  const ebpf = row.addedNsPerCall.ebpf;
  if (ebpf === undefined) return [row.workload, ours.toFixed(0), "-", "-"];
  return [row.workload, ours.toFixed(0), ebpf.toFixed(0), `1/${(ebpf / ours).toFixed(1)}`];
}
