// SPDX-License-Identifier: Apache-2.0
// What Prometheus learns of incidents and repeats. The numbers are asked for when somebody scrapes.
import { Counter, Gauge, type Registry } from "prom-client";
import type { GroupingStats } from "../incident/incident.js";

const COUNTERS: readonly (readonly [name: string, help: string, value: (stats: GroupingStats) => number])[] = [
  ["incidents_total", "incidents that were opened", ({ opened }) => opened],
  ["incidents_merged_total", "incidents that became part of another", ({ merged }) => merged],
  ["repeats_total", "alerts that repeat another one", ({ repeats }) => repeats],
  ["withheld_alerts_total", "alerts below their rule's threshold", ({ withheld }) => withheld],
];

/** Adds them to a registry. `stats` is asked at each scrape. */
export function registerIncidents(registry: Registry, stats: () => GroupingStats): void {
  const registers = [registry];
  const collectOpen = function (this: Gauge): void {
    this.set(stats().open);
  };
  new Gauge({ name: "vedette_incidents_open", help: "incidents that are open", registers, collect: collectOpen });
  for (const [name, help, value] of COUNTERS) {
    const collect = function (this: Counter): void {
      this.reset();
      this.inc(value(stats()));
    };
    new Counter({ name: `vedette_${name}`, help, registers, collect });
  }
  const collectClosed = function (this: Counter<"reason">): void {
    this.reset();
    for (const [reason, count] of Object.entries(stats().closed)) this.inc({ reason }, count);
  };
  const closed = { name: "vedette_incidents_closed_total", help: "incidents that were closed, by why" };
  new Counter({ ...closed, labelNames: ["reason"], registers, collect: collectClosed });
}
