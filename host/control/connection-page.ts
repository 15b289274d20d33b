// SPDX-License-Identifier: Apache-2.0
// A page of connections, for one viewer, under a condition of Falco's. A row is no event any more, so it is
// made into one for the condition: a connect, an accept4 or a listen, with what the row knows. A condition
// that asks for something else is refused: to judge it by what is not there would hide rows.
import { isInScope } from "../engine/scope.js";
import type { Filter } from "../falco/falco.js";
import type { Owner } from "../store/store.js";
import type { SlotValue } from "../wire/builder.js";
import type { ContainerFacts } from "../wire/container.js";
import { DescriptorFlag } from "../wire/layout.js";
import { Conditions } from "./condition.js";
import type { Connection, ConnectionProcess, Connections, Direction } from "./connections.js";
import type { Found } from "./found.js";
import { Problem } from "./problem.js";
import type { ConnectionRow } from "./shapes.js";
import { ownerOf, type Viewer } from "./viewer.js";

/** Which rows. */
export interface ConnectionsAsked {
  readonly limit: number;
  /** The `next` of the page before; undefined: the first. */
  readonly before: number | undefined;
  readonly direction: Direction | undefined;
  readonly isNew: boolean;
  /** The key of the process whose they are; undefined: all. */
  readonly process: string | undefined;
  readonly condition: string | undefined;
}

/** One page, those first that were made last. */
export interface ConnectionPage {
  readonly items: readonly ConnectionRow[];
  readonly next: string | null;
  /** Rows that had to go since Vedette began. */
  readonly left_out: number;
}

/** Conditions that stay compiled, of the operator and of one tenant: a screen asks every three seconds. */
const FILTERS_MAX = { operator: 8, tenant: 2 };
/** Of all tenants together. */
const TENANTS_FILTERS_MAX = 16;
/** Rows that are made into one batch: a batch has at most 1 MiB, and a row may have paths of 4 KiB. */
const ROWS_A_BATCH = 100;
const EVENTS: Readonly<Record<Direction, string>> = { out: "connect", in: "accept4", listening: "listen" };
const FD_PARTS = "name type typechar l4proto sockfamily is_server connected".split(" ");
const FD_ENDS = ["", "c", "s", "l", "r"].flatMap((end) => ["ip", "port", "proto", "net"].map((part) => end + part));
/** What a condition may ask for, and what is missing where no orchestrator tells of the container. */
const FIELDS: ReadonlySet<string> = new Set([
  ...["evt.type", "proc.pid", "proc.name", "proc.exepath", "proc.cmdline", "proc.args", "user.uid", "user.name"],
  ...["container.id", "container.name", "container.image", "container.image.repository", "container.image.tag"],
  ...[...FD_PARTS, ...FD_ENDS].map((part) => `fd.${part}`),
]);
const EXAMPLE = "proc.name = curl and fd.rport != 443";

/** Answers for connections. */
export class ConnectionPages {
  readonly #conditions: Conditions;
  readonly #connections: Connections;
  readonly #found: Found;
  /** By who asks and for what; what was asked for last stands last. */
  readonly #filters = new Map<string, { readonly owner: Owner; readonly filter: Promise<Filter> }>();

  constructor(connections: Connections, found: Found, conditions = new Conditions()) {
    this.#conditions = conditions;
    this.#connections = connections;
    this.#found = found;
  }

  /** Throws a Problem where the condition is wrong, or asks for what no row has. */
  async page(viewer: Viewer, asked: ConnectionsAsked): Promise<ConnectionPage> {
    const { limit, before = Number.POSITIVE_INFINITY, direction, isNew, process, condition } = asked;
    const filter = condition === undefined ? null : await this.#filterOf(viewer, condition);
    const rows = this.#connections
      .rows()
      .filter((row) => row.seq < before && isSeen(viewer, row))
      .filter((row) => process === undefined || row.process.key === process)
      .filter((row) => (direction === undefined || row.direction === direction) && (row.isNew || !isNew));
    const shown: Connection[] = [];
    for (let from = 0; from < rows.length && shown.length <= limit; from += ROWS_A_BATCH) {
      const some = rows.slice(from, from + ROWS_A_BATCH);
      shown.push(...(filter === null ? some : await matching(filter, some)));
    }
    const items = shown.slice(0, limit).map((row) => this.#shown(viewer, row));
    const next = shown.length > limit ? String(items.at(-1)!.seq) : null;
    return { items, next, left_out: viewer.kind === "operator" ? this.#connections.leftOut : 0 };
  }

  #shown(viewer: Viewer, row: Connection): ConnectionRow {
    const { seq, direction, protocol, process, first, last, until, made, failed, error } = row;
    const { key, pid, name, exepath, cmdline, uid, user, own, facts } = process;
    const container = facts ?? (own === null || own === "" ? null : { id: own, name: null });
    return {
      ...{ seq, direction, protocol, made, failed, error, rest: row.isRest, new: row.isNew },
      local: { address: row.localAddress, port: row.localPort },
      remote: { address: row.remoteAddress, port: row.remotePort },
      process: { key, pid, name, exepath, cmdline, user: user ?? String(uid) },
      container: container === null ? null : { id: container.id, name: container.name },
      ...{ first: String(first), last: String(last), until: until === null ? null : String(until) },
      ...{ bytes_in: row.bytesIn, bytes_out: row.bytesOut },
      ...this.#found.ofProcess(viewer, key),
    };
  }

  async #filterOf(viewer: Viewer, condition: string): Promise<Filter> {
    const owner = ownerOf(viewer);
    const key = JSON.stringify([owner, condition]);
    // Two screens that ask for the same at once wait for the same.
    const filter = this.#filters.get(key)?.filter ?? this.#compiled(owner, condition);
    this.#filters.delete(key);
    this.#filters.set(key, { owner, filter });
    this.#trim(owner);
    try {
      return await filter;
    } catch (error) {
      if (this.#filters.get(key)?.filter === filter) this.#filters.delete(key);
      throw error;
    }
  }

  #trim(owner: Owner): void {
    const entries = [...this.#filters];
    const own = entries.filter(([, one]) => one.owner === owner);
    const tenants = entries.filter(([, one]) => one.owner !== null);
    const most = owner === null ? FILTERS_MAX.operator : FILTERS_MAX.tenant;
    for (const [key] of own.slice(0, -most)) this.#filters.delete(key);
    for (const [key] of tenants.slice(0, -TENANTS_FILTERS_MAX)) this.#filters.delete(key);
  }

  async #compiled(owner: Owner, condition: string): Promise<Filter> {
    const filter = await this.#conditions.filterOf(owner, condition);
    const other = [...filter.fields].find((field) => !FIELDS.has(field));
    if (other !== undefined)
      throw new Problem(400, `${other} is not known of a connection. What is known is like: ${EXAMPLE}`);
    return filter;
  }
}

function isSeen(viewer: Viewer, { process: { own, facts, uid, exepath } }: Connection): boolean {
  if (viewer.kind === "operator") return true;
  return isInScope(viewer.scope, facts, { container: () => own, uid: () => BigInt(uid), exepath: () => exepath });
}

/** Those that the condition is true of, in their order. What stops it is the condition's fault. */
async function matching(filter: Filter, rows: readonly Connection[]): Promise<Connection[]> {
  const found = new Set<Connection>();
  for (const facts of new Set(rows.map(({ process }) => process.facts))) {
    const of = rows.filter(({ process }) => process.facts === facts);
    const batch = await batchOf(of, facts);
    try {
      for (const at of filter.matching(batch)) found.add(of[batch.indexOf(at)]!);
    } catch {
      throw new Problem(400, "This condition takes too long. Ask for less at once.");
    }
  }
  return rows.filter((row) => found.has(row));
}

async function batchOf(rows: readonly Connection[], facts: ContainerFacts | null) {
  const [{ BatchBuilder }, { openBatch }] = await Promise.all([
    import("../wire/builder.js"),
    import("../wire/batch.js"),
  ]);
  const builder = new BatchBuilder();
  const processes = new Map<ConnectionProcess, number>();
  for (const row of rows) {
    const process = processes.get(row.process) ?? builder.process(processSlots(row));
    processes.set(row.process, process);
    builder.record(EVENTS[row.direction], { process, descriptor: builder.descriptor(descriptorSlots(row)) });
  }
  const batch = openBatch(builder.bytes());
  batch.container = facts;
  return batch;
}

function processSlots({ process }: Connection): Record<string, SlotValue> {
  const { pid, name, exepath, cmdline, uid, user, own } = process;
  const args = cmdline?.slice((name?.length ?? 0) + 1) ?? "";
  return { pid, name, exepath, uid, user, container_id: own, args: args === "" ? [] : [args] };
}

function descriptorSlots(row: Connection): Record<string, SlotValue> {
  const { direction, localAddress, localPort, remoteAddress, remotePort, raw } = row;
  const text = (address: string | null, port: number | null): string => `${address ?? ""}:${port ?? 0}`;
  const local = { ip: raw.local, port: localPort ?? 0, text: text(localAddress, localPort) };
  const remote = { ip: raw.remote, port: remotePort ?? 0, text: text(remoteAddress, remotePort) };
  const isServer = direction !== "out";
  const [client, server] = isServer ? [remote, local] : [local, remote];
  return {
    type: (raw.remote ?? raw.local)?.length === 16 ? "6" : "4",
    flags:
      (isServer ? DescriptorFlag.server : 0) |
      (direction === "listening" ? DescriptorFlag.listening : DescriptorFlag.connected),
    l4proto: raw.l4proto,
    ...{ cip: client.ip, cport: client.port, sip: server.ip, sport: server.port },
    name: direction === "listening" ? local.text : `${client.text}->${server.text}`,
  };
}
