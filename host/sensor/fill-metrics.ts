// SPDX-License-Identifier: Apache-2.0
// What Prometheus learns of how full the agents are: their spools, in which events wait for the host, and the
// rings of their inline tiers, in which events wait for the agent. Each agent speaks for its own container.
// OpenTelemetry's words: `usage` of a `limit`, in bytes.
import { Gauge, type Registry } from "prom-client";
import type { PeerFill } from "../intake/intake.js";

type Part = "spool" | "spoolMax" | "rings" | "ringsMax";

const GAUGES: readonly [name: string, help: string, part: Part][] = [
  ["spool_usage", "bytes of events that wait in the agent for the host, or for its acknowledgement", "spool"],
  ["spool_limit", "bytes that the agent keeps for the host at most", "spoolMax"],
  ["rings_usage", "bytes that waited in the rings of the inline tier, the most within a second", "rings"],
  ["rings_limit", "size of these rings, all threads together", "ringsMax"],
];

/**
 * Adds them to a registry. `fills` is asked at each scrape; `label` gives a container's name as a label, of
 * which there are only so many.
 */
export function registerFills(
  registry: Registry,
  fills: () => readonly PeerFill[],
  label: (name: string) => string,
): void {
  for (const [name, help, part] of GAUGES)
    new Gauge({
      name: `vedette_agent_${name}_bytes`,
      help,
      labelNames: ["container"],
      registers: [registry],
      collect() {
        this.reset(); // who is gone has none
        for (const fill of fills()) this.inc({ container: label(fill.name) }, fill[part]);
      },
    });
}
