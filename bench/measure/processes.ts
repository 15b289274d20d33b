// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says of other processes: CPU time of all their threads, resident memory, who their children
// are. CPU time says nearly the same when others work on the machine; time that passes does not.
import { readdirSync, readFileSync } from "node:fs";

/** Of /proc/PID/stat's times (sysconf(_SC_CLK_TCK)). */
const TICKS_PER_S = 100;

interface Stat {
  readonly name: string;
  readonly parent: number;
  readonly ticks: number;
}

/** Null: it is gone. */
function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const end = text.lastIndexOf(") ");
    const fields = text.slice(end + 2).split(" ");
    // utime, stime, and those of children that were waited for
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
    return { name: text.slice(text.indexOf("(") + 1, end), parent: Number(fields[1]), ticks };
  } catch {
    return null;
  }
}

/** Seconds of CPU that a process has had, in all its threads and the children that it waited for. */
export const cpuSecondsOf = (pid: number): number => (statOf(pid)?.ticks ?? 0) / TICKS_PER_S;

/** The same of it and all that it has started and that still runs. */
export function cpuSecondsBelow(pid: number): number {
  const all = new Map(pids().map((one) => [one, statOf(one)]));
  const isBelow = (one: number): boolean => one === pid || (one > 1 && isBelow(all.get(one)?.parent ?? 0));
  return [...all.keys()].filter(isBelow).reduce((sum, one) => sum + (all.get(one)?.ticks ?? 0), 0) / TICKS_PER_S;
}

/** Our own children of that name. */
export const childrenNamed = (name: string): number[] =>
  pids().filter((pid) => {
    const stat = statOf(pid);
    return stat?.parent === process.pid && stat.name === name;
  });

/** Resident memory, MiB. */
export function rssMibOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
}

const pids = (): number[] => readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
