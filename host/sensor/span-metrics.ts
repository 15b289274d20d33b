// SPDX-License-Identifier: Apache-2.0
// What Prometheus learns of spans: how many were sent, and how many were dropped.
import { Counter, type Registry } from "prom-client";
import type { SpanPush } from "../output/span-push.js";

const COUNTERS = [
  ["sent", "spans that a collector has taken"],
  ["dropped", "spans that found no room, or that a collector has refused"],
] as const;

/** Adds them to a registry: of all pushes together, asked at each scrape. */
export function registerSpans(registry: Registry, pushes: readonly Pick<SpanPush, "sent" | "dropped">[]): void {
  for (const [what, help] of COUNTERS)
    new Counter({
      name: `vedette_spans_${what}_total`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(pushes.reduce((sum, { [what]: count }) => sum + count, 0));
      },
    });
}
