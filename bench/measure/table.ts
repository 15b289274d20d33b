// SPDX-License-Identifier: Apache-2.0
//
// The overhead table: a row a workload, a column a watcher, in three forms: lines for a terminal, Markdown
// for docs/performance.md, and the rows themselves.

export interface Row {
  readonly workload: string;
  readonly unit: string;
  /** Calls a round makes, where that is known. */
  readonly calls: number | undefined;
  readonly values: Readonly<Record<string, number>>;
  /** Share of native speed, by watcher. */
  readonly ratio: Readonly<Record<string, number>>;
  /** Processor time: see kinds.ts. */
  readonly cpuNs: Readonly<Record<string, number>>;
  readonly events?: number;
  readonly lost?: number;
  /** Share of the calls that may be recorded inline. */
  readonly inline?: number;
}

/** What a bar says of the measured rows (bars.ts). */
export interface Verdict {
  readonly bar: string;
  readonly measured: string;
  /** undefined: a row or a watcher is missing. */
  readonly met?: boolean;
}

const HEADINGS: Readonly<Record<string, string>> = {
  native: "native",
  vedette: "Vedette",
  normal: "`--integrity normal`",
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

/** What a call takes longer under a watcher: by the clock, or of the processor. */
export function addedNs(row: Row, watcher: string, by: "values" | "cpuNs"): number | undefined {
  const watched = row[by][watcher];
  if (row.calls === undefined || watched === undefined) return undefined;
  return (watched - row[by].native!) / row.calls;
}

export function cpuShare(row: Row, watcher: string): number | undefined {
  const watched = row.cpuNs[watcher];
  return watched === undefined ? undefined : row.cpuNs.native! / watched;
}

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function grid(heads: readonly string[], body: readonly (readonly string[])[]): string {
  return [line(heads), line(heads.map(() => "---")), ...body.map(line)].join("\n");
}

export function markdown(rows: readonly Row[], names: readonly string[], verdicts: readonly Verdict[]): string {
  const heads = ["workload", "unit", ...names.map((name) => HEADINGS[name] ?? name), "inline", "events", "lost"];
  return [
    grid(
      heads,
      rows.map((row) => [row.workload, row.unit, ...names.map((name) => cell(row, name)), ...countCells(row)]),
    ),
    "## Of the processor",
    grid(["workload", "native", "Vedette", "eBPF"], rows.map(cpuCells)),
    "## Added per call",
    grid(
      ["loop", "Vedette, by the clock", "eBPF", "Vedette, of the processor", "eBPF", "ratio"],
      rows.filter((row) => row.calls !== undefined).map(addedCells),
    ),
    "## Against the bars",
    grid(
      ["bar", "measured", ""],
      verdicts.map(({ bar, measured, met }) => [bar, measured, met === undefined ? "-" : met ? "met" : "**not met**"]),
    ),
  ].join("\n\n");
}

function cpuCells(row: Row): string[] {
  const [scale, unit] = row.unit === "ms" ? [1e-6, "ms a run"] : [1, row.unit === "ns" ? "ns a round" : "ns each"];
  const of = (name: string): string => {
    const share = cpuShare(row, name);
    if (share === undefined) return "-";
    const figure = (row.cpuNs[name]! * scale).toLocaleString("en-US", { maximumFractionDigits: 0 });
    return name === "native" ? `${figure} ${unit}` : `${figure} (${(share * 100).toFixed(0)} %)`;
  };
  return [row.workload, of("native"), of("vedette"), of("ebpf")];
}

function addedCells(row: Row): string[] {
  const ns = (watcher: string, by: "values" | "cpuNs"): string => `${addedNs(row, watcher, by)?.toFixed(0) ?? "-"} ns`;
  const ours = addedNs(row, "vedette", "cpuNs");
  const ebpf = addedNs(row, "ebpf", "cpuNs");
  const ratio = ours === undefined || ebpf === undefined ? "-" : `1/${(ebpf / ours).toFixed(1)}`;
  return [
    row.workload,
    ns("vedette", "values"),
    ns("ebpf", "values"),
    ns("vedette", "cpuNs"),
    ns("ebpf", "cpuNs"),
    ratio,
  ];
}
