// SPDX-License-Identifier: Apache-2.0
// A table of leases in memory, which several hosts of one test share. One of them can be cut off from it.
import { once } from "node:events";
import type { Lease, LeaseHandlers, Leases, LeaseWrite } from "../../../host/fleet/leases.js";

/** What all hosts see. */
export class SharedLeases {
  readonly rows = new Map<number, Lease>();
  readonly hosts = new Set<string>();
  readonly watchers = new Set<LeaseHandlers>();
  revision = 0;
}

/** The table as one host reaches it. */
export class MemoryLeases implements Leases {
  readonly #shared: SharedLeases;
  #cut = new AbortController();
  #isFrozen = false;
  readonly #untold: (() => void)[] = [];

  constructor(shared: SharedLeases) {
    this.#shared = shared;
  }

  /** A frozen host is told nothing. What there was to tell is told when it wakes. */
  setFrozen(isFrozen: boolean): void {
    this.#isFrozen = isFrozen;
    if (!isFrozen) for (const tell of this.#untold.splice(0)) tell();
  }

  /** From now on this host does not reach the table, or does so again. */
  setCut(isCut: boolean): void {
    if (isCut) this.#cut.abort();
    else this.#cut = new AbortController();
  }

  async watch(told: LeaseHandlers, signal: AbortSignal): Promise<void> {
    this.#reached();
    const handlers: LeaseHandlers = {
      onLease: (lease) => this.#tell(() => told.onLease(lease)),
      onHost: (host, isLeft) => this.#tell(() => told.onHost(host, isLeft)),
      onReady: told.onReady,
    };
    const { rows, hosts, watchers } = this.#shared;
    for (const row of rows.values()) handlers.onLease(row);
    for (const host of hosts) handlers.onHost(host, false);
    handlers.onReady();
    watchers.add(handlers);
    const over = AbortSignal.any([signal, this.#cut.signal]);
    if (!over.aborted) await once(over, "abort");
    watchers.delete(handlers);
    if (!signal.aborted) throw new Error("it is cut off");
  }

  async write(row: LeaseWrite, revision: number): Promise<number | null> {
    this.#reached();
    const { rows, watchers } = this.#shared;
    if ((rows.get(row.partition)?.revision ?? 0) !== revision) return null;
    const written = { ...row, revision: ++this.#shared.revision };
    rows.set(row.partition, written);
    for (const { onLease } of watchers) onLease(written);
    return written.revision;
  }

  async live(host: string): Promise<void> {
    this.#reached();
    this.#shared.hosts.add(host);
    for (const { onHost } of this.#shared.watchers) onHost(host, false);
  }

  async leave(host: string): Promise<void> {
    this.#reached();
    this.#shared.hosts.delete(host);
    for (const { onHost } of this.#shared.watchers) onHost(host, true);
  }

  #tell(what: () => void): void {
    if (this.#isFrozen) this.#untold.push(what);
    else what();
  }

  #reached(): void {
    if (this.#cut.signal.aborted) throw new Error("it is cut off");
  }
}
