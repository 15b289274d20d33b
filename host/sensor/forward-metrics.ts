// SPDX-License-Identifier: Apache-2.0
// What Prometheus learns of what is forwarded to a bus. The numbers are asked for when somebody scrapes.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { FactTeller } from "../fleet/fact-teller.js";
import type { Forwarder } from "../fleet/forwarder.js";

const ACK_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

/** Adds those of blocks to a registry, and hears of each acknowledgement. */
export function registerForwarder(registry: Registry, forwarder: Forwarder): void {
  const registers = [registry];
  const counter = countersIn(registry);
  counter("blocks_total", "blocks that the bus has", () => forwarder.stats().blocks);
  counter("events_total", "events in them", () => forwarder.stats().events);
  counter("left_out_events_total", "events that --forward leaves out", () => forwarder.stats().leftOut);
  const spool = { name: "vedette_forward_spool_bytes", help: "what blocks that wait take on the disk", registers };
  new Gauge({
    ...spool,
    collect() {
      this.set(forwarder.stats().spoolBytes);
    },
  });
  const lost = { name: "vedette_forward_lost_events_total", help: "events that never got to the bus, by why" };
  new Counter({
    ...lost,
    labelNames: ["cause"],
    registers,
    collect() {
      this.reset();
      for (const [cause, count] of Object.entries(forwarder.stats().lost)) this.inc({ cause }, count);
    },
  });
  const ack = { name: "vedette_forward_ack_seconds", help: "how long the bus takes for a block" };
  const seconds = new Histogram({ ...ack, buckets: ACK_S, registers });
  forwarder.onAck = (took) => seconds.observe(took);
}

/** Adds those of facts to a registry. */
export function registerFacts(registry: Registry, teller: Pick<FactTeller, "stats">): void {
  const counter = countersIn(registry);
  counter("facts_total", "facts that policies told", () => teller.stats.facts);
  counter("facts_dropped_total", "facts that never got to the bus", () => teller.stats.dropped);
}

function countersIn(registry: Registry) {
  return (name: string, help: string, value: () => number) =>
    new Counter({
      name: `vedette_forward_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(value());
      },
    });
}
