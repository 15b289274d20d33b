// SPDX-License-Identifier: Apache-2.0
// Tells the bus the facts of a sidecar's policies, so that a pool of judges holds them beside those of other
// tasks. They wait in memory, within a bound. What has no room, what the bus refuses and what is left at the
// end is counted.
//
//   policy -> engine -> FactTeller -> FactWriter -> VF_0 | VF_1 | ...
import { setTimeout as sleep } from "node:timers/promises";
import type { ToldFacts } from "../engine/fact.js";
import type { LoadedPolicy } from "../engine/policy.js";
import { counted } from "../output/counted.js";
import { subjectToken } from "../output/nats-subject.js";
import type { ContainerFacts } from "../wire/container.js";
import { FactWriter, type FactWriterOptions } from "./fact-writer.js";

/** Where facts go, and whose they are. */
export interface FactTellerOptions extends Pick<FactWriterOptions, "bus" | "partitions"> {
  readonly tenant: string;
  readonly task: string;
  /** Told what goes wrong, each thing once. */
  readonly say: (line: string, level: "warning") => void;
}

/** Numbers since the start. */
export interface FactStats {
  readonly facts: number;
  readonly dropped: number;
  /** Why the bus takes nothing; null: it does. */
  readonly problem: string | null;
}

/** Whose agent a batch was of. */
export interface ToldBy {
  readonly hostname: string;
  readonly facts: ContainerFacts | null;
}

/** Of messages that wait for the bus. */
export const WAITING_BYTES_MAX = 1 << 20;

/** One sidecar's. */
export class FactTeller {
  readonly #options: FactTellerOptions;
  readonly #writer: FactWriter;
  readonly #over = new AbortController();
  readonly #counts = { facts: 0, factsDropped: 0 };
  /** What was said. */
  readonly #said = new Set<string>();

  constructor(options: FactTellerOptions) {
    const { bus, partitions, say } = options;
    this.#options = options;
    const counts: FactWriterOptions["counts"] = {
      add: (what, count) => {
        this.#counts[what] += count;
      },
    };
    this.#writer = new FactWriter({ bus, partitions, counts, say: (line) => say(line, "warning") });
  }

  get stats(): FactStats {
    const { facts, factsDropped: dropped } = this.#counts;
    return { facts, dropped, problem: this.#writer.problem };
  }

  /**
   * A policy told these of a batch. The pool takes facts of the operator's policies and of those of this
   * task's tenant.
   */
  tell({ name, tenancy }: LoadedPolicy, told: ToldFacts, by: ToldBy): void {
    const { tenant, task } = this.#options;
    const owner = tenancy?.tenant ?? null;
    if (owner !== null && subjectToken(owner) !== subjectToken(tenant)) {
      this.#drop(told, `facts of tenant ${owner} are not told: this task is of another (--bus-tenant)`);
    } else if (this.#writer.waitingBytes >= WAITING_BYTES_MAX) {
      this.#drop(told, "facts are dropped: too many wait for the bus");
    } else {
      this.#writer.add({ tenant, task, host: by.hostname, container: by.facts, policy: name, owner }, told);
      void this.#writer.flush(this.#over.signal);
    }
  }

  /** Resolves when all is on the bus, or after so many ms. */
  async finish(ms: number): Promise<void> {
    const timer = new AbortController();
    const late = sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([this.#writer.flush(this.#over.signal), late]);
    timer.abort();
  }

  /** What is not on the bus is given up. */
  close(): void {
    this.#over.abort();
    const left = this.#writer.giveUp();
    if (left > 0) this.#options.say(`${counted(left, "fact")} could not be sent`, "warning");
  }

  #drop({ facts, dropped }: ToldFacts, why: string): void {
    this.#counts.facts += facts.length;
    this.#counts.factsDropped += facts.length + dropped;
    if (this.#said.has(why)) return;
    this.#said.add(why);
    this.#options.say(why, "warning");
  }
}
