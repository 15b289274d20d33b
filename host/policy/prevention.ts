// SPDX-License-Identifier: Apache-2.0
// Gives every agent its table of denied calls and the list of files whose opens it watches, and new ones
// whenever the policies change. An agent that cannot hold a table keeps the one before and says why. A policy
// that rests or traps still prevents, because its rows deny, not its code.

import type { LoadedPolicy } from "../engine/policy.js";
import { rowsFor, type WireRow } from "../engine/prevention.js";
import { sensitiveFilesFor } from "../engine/sensitive.js";
import { VedetteError } from "../errors.js";
import type { ContainerFacts } from "../wire/container.js";

/** What the wire carries in one word, less its frame. */
const TABLE_BYTES_MAX = 60 << 10;

/** An agent that can be given a table. */
export interface Guarded {
  /** How errors call it. */
  readonly name: string;
  readonly facts: ContainerFacts | null;
}

/** How Prevention speaks to agents. */
export interface PreventionHandlers<G extends Guarded> {
  /** Gives an agent its table; false: it is gone. */
  readonly send: (agent: G, version: number, rows: readonly WireRow[]) => boolean;
  /** Gives an agent its list of sensitive files; false: it is gone. */
  readonly watch: (agent: G, files: readonly string[]) => boolean;
  readonly onFault: (error: VedetteError) => void;
}

/** What an agent has of us. */
interface Holding {
  /** The table, if it has one. */
  sent: string | null;
  /** Tables to which it has not said anything. */
  unanswered: number;
  /** The list of files. */
  watched: string;
}

/** What each connected agent holds. `G` is the caller's own type of agent. */
export class Prevention<G extends Guarded> {
  readonly #handlers: PreventionHandlers<G>;
  readonly #agents = new Map<G, Holding>();
  #policies: readonly LoadedPolicy[];
  #version = 0;

  constructor(policies: readonly LoadedPolicy[], handlers: PreventionHandlers<G>) {
    this.#policies = policies;
    this.#handlers = handlers;
  }

  /** Whether any policy prevents anything. */
  get hasRows(): boolean {
    return this.#policies.some(({ prevent = [] }) => prevent.length > 0);
  }

  /**
   * An agent is there, or more is known of it: it has its table before whatever is said to it next. False: it
   * could not be given one.
   */
  greet(agent: G): boolean {
    const holding: Holding = { sent: null, unanswered: 0, watched: "[]" };
    this.#agents.set(agent, holding);
    return this.#tell(agent, holding) && this.#watch(agent, holding);
  }

  leave(agent: G): void {
    this.#agents.delete(agent);
  }

  /** These are loaded now. */
  setPolicies(policies: readonly LoadedPolicy[]): void {
    this.#policies = policies;
    for (const [agent, holding] of this.#agents) {
      this.#tell(agent, holding);
      this.#watch(agent, holding);
    }
  }

  /** It answers a table once. An agent that says more is not heard: each such word would be an alert. */
  onAnswer(agent: G, obstacle: string): void {
    const holding = this.#agents.get(agent);
    if (holding === undefined || holding.unanswered === 0) return;
    holding.unanswered--;
    if (obstacle !== "") this.#fault(agent, obstacle);
  }

  #tell(agent: G, holding: Holding): boolean {
    const rows = rowsFor(this.#policies, agent.facts);
    const text = JSON.stringify(rows);
    if (text === holding.sent) return true;
    const bytes = Buffer.byteLength(text);
    if (bytes > TABLE_BYTES_MAX) {
      this.#fault(agent, `it has ${bytes} bytes, ${TABLE_BYTES_MAX} are possible`);
      return false;
    }
    holding.sent = text;
    holding.unanswered++;
    return this.#handlers.send(agent, ++this.#version, rows);
  }

  #watch(agent: G, holding: Holding): boolean {
    const files = sensitiveFilesFor(this.#policies, agent.facts);
    const text = JSON.stringify(files);
    if (text === holding.watched) return true;
    holding.watched = text;
    return this.#handlers.watch(agent, files);
  }

  #fault({ name }: G, reason: string): void {
    this.#handlers.onFault(new VedetteError("VEDETTE_PREVENT_TABLE", { agent: `the agent of ${name}`, reason }));
  }
}
