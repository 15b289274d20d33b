// SPDX-License-Identifier: Apache-2.0
// The tenants' own outputs: a file of alerts each, as tenants.yaml names them, beside what the operator's
// outputs get. tenants.yaml may be read again: then others take their place, and what the former ones dropped
// stays counted.
import { explain, type VedetteError } from "../errors.js";
import type { Say } from "../log.js";
import type { Alert } from "../output/alert.js";
import type { Backlog } from "../output/backlog.js";
import { counted } from "../output/counted.js";
import { DROP_REASONS, type OutputStats } from "../output/output.js";
import { linesOutput } from "../output/registry.js";
import type { Tenant } from "./tenants.js";

/** One for each tenant that has its alerts written. close() ends them. */
export class TenantOutputs {
  readonly #say: Say;
  #outputs: ReadonlyMap<string, Backlog>;
  /** Those that tenants.yaml does not have any more, and that still send what waits. */
  readonly #leaving = new Set<Backlog>();
  /** By name, outputs that have ended and that had dropped alerts. */
  readonly #left = new Map<string, OutputStats>();

  /** Opens them. Throws a VedetteError where one cannot be; then none is open. */
  constructor(tenants: Iterable<Tenant>, say: Say) {
    this.#say = say;
    this.#outputs = this.#open(tenants);
  }

  #open(tenants: Iterable<Tenant>): Map<string, Backlog> {
    const onFault = (error: VedetteError): void => this.#say(explain(error), "warning");
    const outputs = new Map<string, Backlog>();
    for (const { name, alerts } of tenants)
      if (alerts !== null) outputs.set(name, linesOutput(`tenant ${name}`, alerts, { form: "json", onFault }));
    try {
      for (const output of outputs.values()) output.start();
      return outputs;
    } catch (error) {
      for (const output of outputs.values()) void output.close();
      throw error;
    }
  }

  /** Opens those of other tenants; where that throws, the former ones hold. Resolves when those ended. */
  async replace(tenants: Iterable<Tenant>): Promise<void> {
    const former = [...this.#outputs.values()];
    this.#outputs = this.#open(tenants);
    await Promise.all(former.map((output) => this.#leave(output)));
  }

  /** What waits there after its time is dropped, and stays counted: the tenant may have another one now. */
  async #leave(output: Backlog): Promise<void> {
    this.#leaving.add(output);
    const { closed } = output.stats().dropped;
    await output.close();
    const stats = output.stats();
    const lost = stats.dropped.closed - closed;
    if (lost > 0) this.#say(`${counted(lost, "alert")} of ${output.name} could not be sent`, "warning");
    this.#leaving.delete(output);
    if (output.lost === 0) return;
    const before = this.#left.get(output.name);
    const left: OutputStats = { ...stats, state: "gone", queued: 0, queuedBytes: 0, oldestMs: 0 };
    this.#left.set(output.name, before === undefined ? left : withDropped(left, before));
  }

  /** Gives a tenant its own alert. */
  write(alert: Alert): void {
    if (alert.tenant !== undefined) this.#outputs.get(alert.tenant)?.write(alert);
  }

  /** Those of the tenants that there are now. */
  queues(): readonly Backlog[] {
    return [...this.#outputs.values()];
  }

  /** How they are; one of each name, with what others of that name dropped before. */
  stats(): OutputStats[] {
    const live = [...this.#outputs.values(), ...this.#leaving].map((output) => output.stats());
    const byName = new Map<string, OutputStats>();
    for (const one of [...live, ...this.#left.values()]) {
      const known = byName.get(one.name);
      byName.set(one.name, known === undefined ? one : withDropped(known, one));
    }
    return [...byName.values()];
  }

  /** Opens the files by their names again. */
  reopen(): void {
    for (const output of this.#outputs.values()) output.reopen();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#outputs.values()].map((output) => output.close()));
  }
}

function withDropped(stats: OutputStats, before: OutputStats): OutputStats {
  const sums = DROP_REASONS.map((reason) => [reason, stats.dropped[reason] + before.dropped[reason]] as const);
  return { ...stats, dropped: Object.fromEntries(sums) as OutputStats["dropped"] };
}
