// SPDX-License-Identifier: Apache-2.0
// Gives every agent its table of denied calls and the list of files whose opens it watches, and new ones whenever the
// policies change. An agent that cannot hold a table keeps the one before and says why. A policy that rests or traps
// still prevents, because its rows deny, not its code.

import type { LoadedPolicy } from "../engine/policy.js";
import { rowsFor, type WireRow } from "../engine/prevention.js";
import { sensitiveFilesFor } from "../engine/sensitive.js";
import { VedetteError } from "../errors.js";
import type { ContainerFacts } from "../wire/container.js";

/** What the wire carries in one word, less its frame. */
const TABLE_BYTES_MAX = 60 << 10;

export interface PreventionHandlers {
  /** Gives an agent its table; false: it is gone. */
  readonly send: (stream: number, version: number, rows: readonly WireRow[]) => boolean;
  /** Gives an agent its list of sensitive files; false: it is gone. */
  readonly watch: (stream: number, files: readonly string[]) => boolean;
  readonly onFault: (error: VedetteError) => void;
}

interface Guest {
  readonly facts: ContainerFacts | null;
  /** How errors call it. */
  readonly name: string;
  /** The table it has of us, if it has one. */
  sent: string | null;
  /** And the list of files. */
  watched: string;
}

export class Prevention {
  readonly #handlers: PreventionHandlers;
  readonly #guests = new Map<number, Guest>();
  #policies: readonly LoadedPolicy[];
  #version = 0;

  constructor(policies: readonly LoadedPolicy[], handlers: PreventionHandlers) {
    this.#policies = policies;
    this.#handlers = handlers;
  }

  /** Whether any policy prevents anything. */
  get hasRows(): boolean {
    return this.#policies.some(({ prevent = [] }) => prevent.length > 0);
  }

  /** An agent is there: it has its table before whatever is said to it next. False: it could not be given one. */
  greet(stream: number, name: string, facts: ContainerFacts | null): boolean {
    const guest: Guest = { name, facts, sent: null, watched: "[]" };
    this.#guests.set(stream, guest);
    return this.#tell(stream, guest) && this.#watch(stream, guest);
  }

  leave(stream: number): void {
    this.#guests.delete(stream);
  }

  /** These are loaded now. */
  setPolicies(policies: readonly LoadedPolicy[]): void {
    this.#policies = policies;
    for (const [stream, guest] of this.#guests) {
      this.#tell(stream, guest);
      this.#watch(stream, guest);
    }
  }

  onAnswer(stream: number, obstacle: string): void {
    const agent = this.#guests.get(stream)?.name ?? "an agent";
    if (obstacle !== "") this.#fault(agent, obstacle);
  }

  #tell(stream: number, guest: Guest): boolean {
    const rows = rowsFor(this.#policies, guest.facts);
    const text = JSON.stringify(rows);
    if (text === guest.sent) return true;
    const bytes = Buffer.byteLength(text);
    if (bytes > TABLE_BYTES_MAX) {
      this.#fault(guest.name, `it has ${bytes} bytes, ${TABLE_BYTES_MAX} are possible`);
      return false;
    }
    guest.sent = text;
    return this.#handlers.send(stream, ++this.#version, rows);
  }

  #watch(stream: number, guest: Guest): boolean {
    const files = sensitiveFilesFor(this.#policies, guest.facts);
    const text = JSON.stringify(files);
    if (text === guest.watched) return true;
    guest.watched = text;
    return this.#handlers.watch(stream, files);
  }

  #fault(agent: string, reason: string): void {
    this.#handlers.onFault(new VedetteError("VEDETTE_PREVENT_TABLE", { agent: `the agent of ${agent}`, reason }));
  }
}
