// SPDX-License-Identifier: Apache-2.0
// What the sidecar says of itself: /healthz for the task's health check, /metrics for Prometheus. Loopback unless told otherwise:
// containers of a task share one network, and the numbers name containers and rules.
import { createServer, type Server } from "node:http";
import { isIP } from "node:net";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { LOST } from "../../build/generated/events.js";
import { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import { reasonOf } from "../reason.js";
import type { BatchFacts } from "./ledger.js";

const NS = 1e-9;
const DELAYS_S = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

export class Monitor {
  readonly #registry = new Registry();
  readonly #lost = new Map<string, readonly number[]>();
  readonly #events = this.#counter("events_total", "events that arrived", ["container"]);
  readonly #batches = this.#counter("batches_total", "batches that arrived", ["container"]);
  readonly #losses = this.#counter("lost_events_total", "events that the agent counts as lost", [
    "container",
    "reason",
  ]);
  readonly #alerts = this.#counter("alerts_total", "alerts raised", ["rule", "priority"]);
  readonly #faults = this.#counter("faults_total", "errors of the catalogue that were met", ["code"]);
  readonly #refusals = this.#counter("refusals_total", "streams that were refused", ["code"]);
  readonly #agents = new Gauge({
    name: "vedette_agents",
    help: "agents that are connected",
    registers: [this.#registry],
  });
  readonly #delay = new Histogram({
    name: "vedette_batch_delay_seconds",
    help: "from the sealing of a batch to its arrival",
    buckets: DELAYS_S,
    registers: [this.#registry],
  });
  #server: Server | null = null;
  isReady = false;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Gives the port. */
  listen(address: string): Promise<number> {
    const [host, port] = parseAddress(address);
    this.#server = createServer((request, response) => {
      const path = request.url?.split("?", 1)[0];
      if (path === "/healthz") response.writeHead(this.isReady ? 200 : 503).end(this.isReady ? "ok\n" : "starting\n");
      else if (path === "/metrics")
        void this.#registry
          .metrics()
          .then((text) => response.setHeader("content-type", this.#registry.contentType).end(text));
      else response.writeHead(404).end();
    });
    return new Promise((resolve, reject) => {
      this.#server!.once("error", (cause) =>
        reject(new VedetteError("VEDETTE_LISTEN_REFUSED", { address, reason: reasonOf(cause) }, { cause })),
      );
      this.#server!.listen(port, host, () => resolve((this.#server!.address() as { port: number }).port));
    });
  }

  close(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  onAgents(count: number): void {
    this.#agents.set(count);
  }

  onBatch(container: string, { source, count, lost, clock }: BatchFacts): void {
    this.#events.inc({ container }, count);
    this.#batches.inc({ container });
    this.#delay.observe(Math.max(0, Number(BigInt(Date.now()) * 1_000_000n - clock) * NS));
    this.onLost(container, source, lost);
  }

  /** The agent's counters are cumulative for each source; so are ours, over all sources of a container. */
  onLost(container: string, source: string, lost: readonly number[]): void {
    const before = this.#lost.get(source) ?? [];
    for (const [index, { name }] of LOST.entries()) {
      const more = (lost[index] ?? 0) - (before[index] ?? 0);
      if (more > 0) this.#losses.inc({ container, reason: name }, more);
    }
    this.#lost.set(source, lost);
  }

  onAlert({ rule, priority }: Alert): void {
    this.#alerts.inc({ rule, priority });
  }

  onFault(error: VedetteError): void {
    this.#faults.inc({ code: error.code });
  }

  onRefusal(error: VedetteError, count: number): void {
    this.#refusals.inc({ code: error.code }, count);
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name: `vedette_${name}`, help, labelNames: [...labelNames], registers: [this.#registry] });
  }
}

export function parseAddress(address: string): [host: string, port: number] {
  const [, host = "", port = ""] = /^\[?([^\]]*)\]?:(\d{1,5})$/.exec(address) ?? [];
  if (isIP(host) === 0 || Number(port) > 65535)
    throw new VedetteError("VEDETTE_LISTEN_REFUSED", { address, reason: "it is not ADDRESS:PORT" });
  return [host, Number(port)];
}
