// SPDX-License-Identifier: Apache-2.0
// What Prometheus learns of the sensor's state: which build it is, whether it judges, its workers and its
// policies. The numbers are asked for when somebody scrapes.
import { Gauge, type Registry } from "prom-client";
import { VERSION } from "../version.js";
import type { Health } from "./health.js";

/** Adds them to a registry. */
export function registerState(registry: Registry, health: Health): void {
  const registers = [registry];
  const build = { name: "vedette_build_info", help: "always 1; says which build this is", registers };
  new Gauge({ ...build, labelNames: ["version", "node"] }).set({ version: VERSION, node: process.version }, 1);
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `vedette_${name}`,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge("judging", "1 where Vedette judges, else 0", () => (health.judging() === null ? 1 : 0));
  gauge("workers", "threads that judge", () => health.workers()?.count ?? 0);
  gauge("ring_bytes", "size of the ring in which events wait to be judged", () => health.ring()?.bytes ?? 0);
  gauge("ring_waiting_bytes", "bytes of it that wait to be judged", () => health.ring()?.waiting ?? 0);
  gauge("workers_stuck", "threads that have something to judge and do not move", () => health.workers()?.stuck ?? 0);
  new Gauge({
    name: "vedette_policies",
    help: "policies, by how they are",
    labelNames: ["state"],
    registers,
    collect() {
      for (const [state, count] of Object.entries(health.policies())) this.set({ state }, count);
    },
  });
}
