// SPDX-License-Identifier: Apache-2.0
// The numbers by which an engine knows agents, under which subject of the bus each comes, and what their
// latest blocks say of them. A number is given out once.
import type { Engine } from "../engine/engine.js";
import { SUPPRESSED } from "../engine/limiter.js";
import type { Alert } from "../output/alert.js";
import type { ContainerFacts } from "../wire/container.js";
import type { Intake } from "./stage.js";

/** What is known of an agent's place. `tenant` and `task` are names. */
export interface StreamOrigin {
  readonly tenant: string;
  readonly task: string;
  readonly host: string;
  readonly facts: ContainerFacts | null;
}

/** Those of one engine, which is told before it judges their batches, and when they are known no more. */
export class Streams {
  readonly #numbers = new Map<string, number>();
  readonly #origins = new Map<number, StreamOrigin & { readonly told: string }>();
  readonly #engine: Pick<Engine, "setContainer" | "setSubject">;
  #last = 0;

  constructor(engine: Pick<Engine, "setContainer" | "setSubject">) {
    this.#engine = engine;
  }

  /** The number of the agent that a message is of. `agent` holds for one subject alone. */
  meet({ agent, subject, tenant, task, host, container: facts }: Intake): number {
    const known = this.#numbers.get(agent);
    const number = known ?? ++this.#last;
    if (known === undefined) {
      this.#numbers.set(agent, number);
      this.#engine.setSubject(number, subject);
    }
    const told = JSON.stringify(facts);
    if (this.#origins.get(number)?.told !== told) this.#engine.setContainer(number, facts);
    this.#origins.set(number, { tenant, task, host, facts, told });
    return number;
  }

  of(stream: number): StreamOrigin | undefined {
    return this.#origins.get(stream);
  }

  /** What is known of an alert's container. What a limit kept back is told with the next batch of anybody. */
  factsFor({ rule, source, outputFields }: Alert, stream: number): ContainerFacts | null {
    const facts = this.of(stream)?.facts ?? null;
    if (source !== "internal" || rule !== SUPPRESSED) return facts;
    return outputFields.some(([name, value]) => name === "container.id" && value === facts?.id) ? facts : null;
  }

  forget(agent: string): void {
    const number = this.#numbers.get(agent);
    if (number === undefined) return;
    this.#numbers.delete(agent);
    this.#origins.delete(number);
    this.#engine.setContainer(number, null);
    this.#engine.setSubject(number, null);
  }
}
