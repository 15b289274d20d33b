// SPDX-License-Identifier: Apache-2.0
//
// What the overhead table is held against: each bar looks at the rows it is about, and says what was
// measured.
import { addedNs, cpuShare, type Row, type Verdict } from "./table.js";

export function judge(rows: readonly Row[]): Verdict[] {
  const named = (part: string): Row[] => rows.filter((row) => row.workload.includes(part));
  return [
    ...["pread 4 KiB", "pread 1 byte", "pwrite"].flatMap(named).map((row) => addedShare(row, 3)),
    ...named("open, fstat").map((row) => addedShare(row, 2)),
    ...named("fio").map((row) => speed(row, false)),
    ...["redis", "nginx"].flatMap(named).map((row) => speed(row, true)),
    ...named("/bin/true").map((row) => times(row, 1.5)),
    ...["redis", "nginx", "fio", "sqlite", "Python", "Node", "Go"].flatMap(named).map(inlineShare),
    ...(rows.length === 0 ? [] : [nothingLost(rows)]),
  ];
}

// By processor time, which a machine with other work does not change; the clock stands beside it in the
// table.
function addedShare(row: Row, part: number): Verdict {
  const ours = addedNs(row, "vedette", "cpuNs");
  const ebpf = addedNs(row, "ebpf", "cpuNs");
  const bar = `${row.workload}: adds at most 1/${part} of what eBPF adds`;
  if (ours === undefined || ebpf === undefined) return { bar, measured: "no eBPF here" };
  return {
    bar,
    measured: `${ours.toFixed(0)} ns of the processor against ${ebpf.toFixed(0)}: 1/${(ebpf / ours).toFixed(1)}`,
    met: ours * part <= ebpf,
  };
}

function speed(row: Row, aboveEbpf: boolean): Verdict {
  const ours = row.ratio.vedette ?? 0;
  const ebpf = row.ratio.ebpf;
  const beside = ebpf === undefined ? "" : `, eBPF ${percent(ebpf)}`;
  return {
    bar: `${row.workload}: at least 90 % of native${aboveEbpf ? " and above eBPF" : ""}`,
    measured: `${percent(ours)}${beside}; of the processor ${percent(cpuShare(row, "vedette") ?? 0)}`,
    met: ours >= 0.9 && (!aboveEbpf || ebpf === undefined || ours > ebpf),
  };
}

function times(row: Row, most: number): Verdict {
  const ours = 1 / (row.ratio.vedette ?? 0);
  const cpu = 1 / (cpuShare(row, "vedette") ?? 0);
  return {
    bar: `${row.workload}: at most ${most} times native`,
    measured: `${ours.toFixed(2)} times, ${cpu.toFixed(2)} of the processor`,
    met: ours <= most,
  };
}

function inlineShare(row: Row): Verdict {
  const bar = `${row.workload}: at least 98 % inline`;
  if (row.inline === undefined) return { bar, measured: "not counted" };
  return { bar, measured: `${(row.inline * 100).toFixed(2)} %`, met: row.inline >= 0.98 };
}

function nothingLost(rows: readonly Row[]): Verdict {
  const lost = rows.reduce((sum, row) => sum + (row.lost ?? 0), 0);
  const events = rows.reduce((sum, row) => sum + (row.events ?? 0), 0);
  return { bar: "nothing lost", measured: `${lost} of ${events} events`, met: lost === 0 };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
