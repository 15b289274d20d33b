// SPDX-License-Identifier: Apache-2.0
// What the meters of a watching Vedette have counted, read from its control socket as Prometheus would, and
// counts by name to compare that with.
import { spawnSync } from "node:child_process";

/** How often, by name. */
export type Counts = Record<string, number>;

export const sorted = (counts: Counts): Counts =>
  Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));

export function add(counts: Counts, name: string, more: number): void {
  counts[name] = (counts[name] ?? 0) + more;
}

/** One series. */
export interface Series {
  /** The value of a label; empty where it has none of this name. */
  readonly of: (label: string) => string;
  readonly value: number;
}

/** All metrics, as text. `socket`: of `--control`. */
export function scraped(socket: string): string {
  const words = ["-s", "--unix-socket", socket, "http://localhost/api/v1/metrics"];
  return spawnSync("curl", words, { encoding: "utf8" }).stdout;
}

/** The series of one metric. */
export function seriesOf(socket: string, metric: string): Series[] {
  return scraped(socket)
    .split("\n")
    .filter((line) => line.startsWith(`${metric}{`))
    .map((line) => ({
      of: (label) => new RegExp(`[{,]${label}="([^"]*)"`).exec(line)?.[1] ?? "",
      value: Number(line.split(" ").at(-1)),
    }));
}
