// SPDX-License-Identifier: Apache-2.0
// A page of connections, for one viewer, under a condition of Falco's. A row is no event any more, so it is
// made into one for the condition: a connect, an accept or a listen, with what the row knows. A condition
// that asks for something else is refused: to judge it by what is not there would hide rows. Some rows know
// less than others of their direction. Where a condition asks them for that, they are shown, and marked
// `undecided`.
import { isInScope } from "../engine/scope.js";
import type { Filter } from "../falco/falco.js";
import type { Owner } from "../store/store.js";
import type { SlotValue } from "../wire/builder.js";
import type { ContainerFacts } from "../wire/container.js";
import { DescriptorFlag } from "../wire/layout.js";
import { Conditions } from "./condition.js";
import type { Connection, ConnectionProcess, Connections, Direction } from "./connections.js";
import type { Found } from "./found.js";
import { KeptFilters } from "./kept-filters.js";
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
  /** Directions whose rows do not have what the condition asks for: none of them is shown. */
  readonly not_judged: readonly Direction[];
}

/**
 * Rows that are made into one batch. A batch has at most 1 MiB, and a row has up to 28 KiB of text: a path
 * and a command of 4 KiB each, in which each byte that is no UTF-8 takes three.
 */
const ROWS_A_BATCH = 32;
/** Of the command, as it is shown. */
const COMMAND_SHOWN_MAX = 1_000;
const EVENTS: Readonly<Record<Direction, readonly string[]>> = {
  out: ["connect"],
  in: ["accept", "accept4"],
  listening: ["listen"],
};
const DIRECTIONS: readonly Direction[] = ["out", "in", "listening"];
const FD_PARTS = "name type typechar l4proto sockfamily".split(" ");
const FD_ENDS = ["", "c", "s", "l", "r"].flatMap((end) => ["ip", "port", "proto", "net"].map((part) => end + part));
/** What the row of all further places does not know. */
const PLACE_FIELDS = [...FD_PARTS, ...FD_ENDS].map((part) => `fd.${part}`);
const COMMAND_FIELDS = ["proc.cmdline", "proc.args"];
/** What differs from one connection of a row to the next. */
const UNKNOWN: Readonly<Record<Direction, readonly string[]>> = {
  out: ["fd.lport", "fd.lproto", "fd.cport", "fd.cproto"],
  in: ["fd.rport", "fd.rproto", "fd.cport", "fd.cproto"],
  listening: [],
};
/** What a condition may ask for, and what is missing where no orchestrator tells of the container. */
const FIELDS: ReadonlySet<string> = new Set([
  ...["evt.type", "proc.pid", "proc.name", "proc.exepath", ...COMMAND_FIELDS, "user.uid", "user.name"],
  ...["container.id", "container.name", "container.image", "container.image.repository", "container.image.tag"],
  ...["fd.is_server", "fd.connected", ...PLACE_FIELDS],
]);
const EXAMPLE = "proc.name = curl and fd.rport != 443";

/** Answers for connections. */
export class ConnectionPages {
  readonly #connections: Connections;
  readonly #found: Found;
  readonly #filters: KeptFilters;

  constructor(connections: Connections, found: Found, conditions = new Conditions()) {
    this.#connections = connections;
    this.#found = found;
    this.#filters = new KeptFilters((owner, condition) => askable(conditions, owner, condition));
  }

  /** Throws a Problem where the condition is wrong, or asks for what no row has. */
  async page(viewer: Viewer, asked: ConnectionsAsked): Promise<ConnectionPage> {
    const { limit, before = Number.POSITIVE_INFINITY, direction, isNew, process, condition } = asked;
    const owner = ownerOf(viewer);
    const filter = condition === undefined ? null : await this.#filters.of(owner, condition);
    const notJudged = filter === null ? [] : directionsWithout(filter, direction);
    const rows = this.#connections
      .rows()
      .filter((row) => row.seq < before && isSeen(viewer, row))
      .filter((row) => process === undefined || row.process.key === process)
      .filter((row) => !notJudged.includes(row.direction))
      .filter((row) => (direction === undefined || row.direction === direction) && (row.isNew || !isNew));
    const shown = await firstOf(rows, filter, limit + 1).catch((error: unknown) => {
      if (condition !== undefined) this.#filters.forget(owner, condition); // one that failed is no use
      throw error;
    });
    const items = shown.slice(0, limit).map((row) => this.#shown(viewer, row, filter));
    const next = shown.length > limit ? String(items.at(-1)!.seq) : null;
    const leftOut = viewer.kind === "operator" ? this.#connections.leftOut : 0;
    return { items, next, left_out: leftOut, not_judged: notJudged };
  }

  #shown(viewer: Viewer, row: Connection, filter: Filter | null): ConnectionRow {
    const { seq, direction, protocol, process, first, last, until, made, failed, error } = row;
    const { key, pid, name, exepath, uid, user, own, facts } = process;
    const cmdline = process.cmdline?.slice(0, COMMAND_SHOWN_MAX) ?? null;
    const container = facts ?? (own === null || own === "" ? null : { id: own, name: null });
    return {
      ...{ seq, direction, protocol, made, failed, error, rest: row.isRest, new: row.isNew },
      undecided: filter !== null && isUndecided(filter, row),
      local: { address: row.localAddress, port: row.localPort },
      remote: { address: row.remoteAddress, port: row.remotePort },
      process: { key, pid, name, exepath, cmdline, user: user ?? String(uid) },
      container: container === null ? null : { id: container.id, name: container.name },
      ...{ first: String(first), last: String(last), until: until === null ? null : String(until) },
      ...{ bytes_in: row.bytesIn, bytes_out: row.bytesOut },
      ...this.#found.ofProcess(viewer, key),
    };
  }
}

/** Throws a Problem where the condition asks for what no row has. */
async function askable(conditions: Conditions, owner: Owner, condition: string): Promise<Filter> {
  const filter = await conditions.filterOf(owner, condition);
  const other = [...filter.fields].find((field) => !FIELDS.has(field));
  if (other !== undefined)
    throw new Problem(400, `${other} is not known of a connection. What is known is like: ${EXAMPLE}`);
  return filter;
}

function isSeen(viewer: Viewer, { process: { own, facts, uid, exepath } }: Connection): boolean {
  if (viewer.kind === "operator") return true;
  return isInScope(viewer.scope, facts, { container: () => own, uid: () => BigInt(uid), exepath: () => exepath });
}

/**
 * Of the directions that the condition is asked about those in which no row has what it asks for. Throws a
 * Problem where no other is left.
 */
function directionsWithout(filter: Filter, only: Direction | undefined): Direction[] {
  const asked = DIRECTIONS.filter(
    (one) => (only ?? one) === one && EVENTS[one].some((event) => filter.events.has(event)),
  );
  const lacking = (one: Direction): string | undefined => UNKNOWN[one].find((field) => filter.fields.has(field));
  const without = asked.filter((one) => lacking(one) !== undefined);
  if (without.length === 0 || without.length < asked.length) return without;
  const field = lacking(without[0]!)!;
  throw new Problem(400, `Each connection that goes ${without[0]} has another ${field}, and many are one row.`);
}

/** Whether the condition asks this row for what it does not know. */
function isUndecided({ fields, events }: Filter, { direction, isRest, process }: Connection): boolean {
  const unknown = [...(isRest ? PLACE_FIELDS : []), ...(process.isCut ? COMMAND_FIELDS : [])];
  return unknown.some((field) => fields.has(field)) && EVENTS[direction].some((event) => events.has(event));
}

/** So many of those that the filter wants. */
async function firstOf(rows: readonly Connection[], filter: Filter | null, most: number): Promise<Connection[]> {
  const found: Connection[] = [];
  for (let from = 0; from < rows.length && found.length < most; from += ROWS_A_BATCH) {
    const some = rows.slice(from, from + ROWS_A_BATCH);
    found.push(...(filter === null ? some : await matching(filter, some)));
  }
  return found;
}

/**
 * Those that the condition is true of, and those that it may be true of, in their order. What stops it is the
 * condition's fault.
 */
async function matching(filter: Filter, rows: readonly Connection[]): Promise<Connection[]> {
  const found = new Set<Connection>(rows.filter((row) => isUndecided(filter, row)));
  for (const facts of new Set(rows.map(({ process }) => process.facts))) {
    const of = rows.filter(({ process }) => process.facts === facts);
    const { batch, rowOf } = await batchOf(of, facts);
    try {
      for (const at of filter.matching(batch)) found.add(rowOf[batch.indexOf(at)]!);
    } catch {
      throw new Problem(400, "This condition takes too long. Ask for less at once.");
    }
  }
  return rows.filter((row) => found.has(row));
}

/** `rowOf`: of each record the row that it is of. */
async function batchOf(rows: readonly Connection[], facts: ContainerFacts | null) {
  const [{ BatchBuilder }, { openBatch }] = await Promise.all([
    import("../wire/builder.js"),
    import("../wire/batch.js"),
  ]);
  const builder = new BatchBuilder();
  const processes = new Map<ConnectionProcess, number>();
  const rowOf: Connection[] = [];
  for (const row of rows) {
    const process = processes.get(row.process) ?? builder.process(processSlots(row));
    processes.set(row.process, process);
    const descriptor = builder.descriptor(descriptorSlots(row));
    for (const event of EVENTS[row.direction]) {
      builder.record(event, { process, descriptor });
      rowOf.push(row);
    }
  }
  const batch = openBatch(builder.bytes());
  batch.container = facts;
  return { batch, rowOf };
}

function processSlots({ process }: Connection): Record<string, SlotValue> {
  const { pid, name, exepath, cmdline, uid, user, own } = process;
  const args = cmdline?.slice((name?.length ?? 0) + 1) ?? "";
  return { pid, name, exepath, uid, user, container_id: own, args: args === "" ? [] : [args] };
}

function descriptorSlots(row: Connection): Record<string, SlotValue> {
  const { direction, localAddress, localPort, remoteAddress, remotePort, raw } = row;
  const text = (address: string | null, port: number | null): string => `${address ?? ""}:${port ?? 0}`;
  const local = { ip: raw.local, port: localPort, text: text(localAddress, localPort) };
  const remote = { ip: raw.remote, port: remotePort, text: text(remoteAddress, remotePort) };
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
