// SPDX-License-Identifier: Apache-2.0
// Which service talks to which, over the last hour: what the calls on connections tell. A service is a
// program of a container. An edge is who made the connections, who took them, and at which address and port.
//
//   connect, read, write of A:  10.0.0.5:40000 -> 10.0.0.5:80 \
//                                                              one flow, of A and B: one connection
//   accept, read, write of B:   10.0.0.5:40000 -> 10.0.0.5:80 /
//
// Both ends of a connection have the same two addresses and ports, so where both are seen, they meet in one
// flow, and the client's numbers are taken. An end that is never seen is outside: of it the address and the
// port are known, if it is the server. The first moments of a flow belong to no edge yet, since the other end
// may be told of later (GRACE_S). Who has the same address in another task is told apart by the task, where
// an orchestrator says it: every task has a 127.0.0.1 of its own.
//
// Workloads choose addresses and names of programs, so there are bounds: flows, edges, and places of one
// service, beyond which it has one edge for all. Where there are too many edges, the container with most of
// them loses those that were silent for longest, so that whoever makes them up loses his own.
import { basename } from "node:path";
import { STEP_S, STEPS } from "../metric/meter-rows.js";
import { addressText } from "../wire/address.js";
import type { Batch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { descriptorInt, isInternet } from "../wire/descriptor.js";
import { DescriptorFlag, DESCRIPTOR_AT as FD, PROCESS_AT } from "../wire/layout.js";
import { errnoName } from "../wire/names.js";
import { processInt, processText } from "../wire/process.js";
import { descriptorAt, processAt, resultOf, typeOf } from "../wire/record.js";
import { readBytes } from "../wire/slot.js";
import { ACCEPT, CLOSE, CONNECT, isMade, l4protoOf, PROTOCOLS, READS, WAS_MADE, WRITES } from "./socket-calls.js";

/** Edges of all services. */
export const EDGES_MAX = 500;
/** Edges of one service that have a place of their own. */
export const PLACES_MAX = 50;
/** Connections whose ends are known at the same time; who is silent for longest goes. */
export const FLOWS_MAX = 4_096;
/** For so long the other end of a connection may be told of, s. */
export const GRACE_S = 5;
/** Characters that are kept of a program's name. */
const NAME_MAX = 300;
const LOOPBACK = /^(127\.|::1$)/;
const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

/** A program of a container, as one user runs it. */
export interface Service {
  readonly key: string;
  /** The last part of the executable's path, as meters call it. */
  readonly program: string;
  readonly exepath: string | null;
  readonly uid: number;
  /** The container's id as the process itself has it; null on a plain host. */
  readonly own: string | null;
  /** As the newest event had them. */
  facts: ContainerFacts | null;
}

/** What people call it, where an orchestrator says it. */
export interface Container {
  readonly id: string;
  readonly name: string | null;
}

/** What went over an edge. */
export interface EdgeCounts {
  /** Connections made, and attempts that failed at once. */
  made: number;
  failed: number;
  /** Bytes from the client to the server, and back. */
  bytesTo: number;
  bytesFrom: number;
}

interface Step extends EdgeCounts {
  /** Since the epoch, in steps. */
  readonly at: number;
}

/** Null: that end is outside. */
interface Ends {
  readonly client: Service | null;
  readonly server: Service | null;
}

/** Where a connection goes. Null: the edge of all further places. */
interface Place {
  readonly address: string | null;
  readonly port: number | null;
  /** `tcp`, `udp` ...; null: it has no name. */
  readonly transport: string | null;
}

interface Edge extends Ends, Place {
  readonly key: string;
  /** Those in which something happened, in their order. */
  readonly steps: Step[];
}

/** One edge with what went over it in the time that was asked for. */
export interface SeenEdge extends Ends, Place, EdgeCounts {}

interface Side extends EdgeCounts {
  service: Service | null;
  /** A call that makes or takes the connection was seen. */
  isBegun: boolean;
}

interface Flow extends Place {
  readonly begun: number;
  /** The step that its numbers belong to. */
  at: number;
  closed: number | null;
  readonly client: Side;
  readonly server: Side;
}

interface End {
  readonly flow: Flow;
  readonly side: Side;
  readonly isServer: boolean;
}

/** All of them. `now` gives seconds since the epoch. */
export class Edges {
  readonly #now: () => number;
  #begun: number;
  readonly #services = new Map<string, Service>();
  /** What was heard of last stands last, here too. */
  readonly #edges = new Map<string, Edge>();
  readonly #flows = new Map<string, Flow>();
  #leftOut = 0;
  #missed = 0;

  constructor(now: () => number = () => Date.now() / 1_000) {
    this.#now = now;
    this.#begun = now();
  }

  /** Edges that had to go, since Vedette began. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Batches that nobody could look at. */
  get missed(): number {
    return this.#missed;
  }

  miss(batches: number): void {
    this.#missed += batches;
  }

  add(batch: Batch): void {
    const now = this.#now();
    const found = new Map<number, End>();
    for (const at of batch.offsets) {
      const type = typeOf(batch, at);
      const begins = CONNECT.has(type) || ACCEPT.has(type);
      if (!begins && !READS.has(type) && !WRITES.has(type) && !CLOSE.has(type)) continue;
      const [descriptor, process] = [descriptorAt(batch, at), processAt(batch, at)];
      if (descriptor < 0 || process < 0 || !isInternet(batch, descriptor)) continue;
      // Two processes may share the entry of a descriptor.
      const entry = descriptor * 0x100000 + process;
      const isKnown = !begins && found.has(entry);
      const end = isKnown ? found.get(entry)! : this.#endOf(batch, at, descriptor, process, now);
      if (end === null) continue;
      found.set(entry, end);
      if (CLOSE.has(type)) end.flow.closed = now;
      else count(end, batch, at, type);
    }
    if (this.#flows.size > FLOWS_MAX || this.#edges.size > EDGES_MAX) this.#trim();
  }

  /** Forgets what is too old. Call it at least once in a step. */
  look(): void {
    const now = this.#now();
    for (const flow of this.#flows.values()) if (isSettled(flow, now)) this.#settle(flow);
    while (this.#edges.size > EDGES_MAX) this.#leaveOne();
    this.#forget(Math.floor(now / STEP_S));
  }

  /** What went over each in the last minutes. Of flows that are new it is said as far as it is known. */
  recent(minutes: number): { readonly seconds: number; readonly edges: SeenEdge[] } {
    this.look();
    const now = this.#now();
    const at = Math.floor(now / STEP_S);
    const from = at - (minutes * 60) / STEP_S + 1;
    const settled = [...this.#edges.values()].map((edge) =>
      seen(
        edge,
        edge.steps.filter((step) => step.at >= from),
      ),
    );
    const fresh = [...this.#flows.values()]
      .filter((flow) => !isSettled(flow, now) && flow.at >= from)
      .map((flow) => seen({ ...endsOf(flow), ...placeOf(flow) }, [countsOf(flow)]));
    return {
      seconds: Math.max(1, Math.round(Math.min(now - this.#begun, now - from * STEP_S))),
      edges: [...settled, ...fresh].filter(isUsed),
    };
  }

  /** Null: it has no other end. */
  #endOf(batch: Batch, at: number, descriptor: number, process: number, now: number): End | null {
    const flags = intOf(batch, descriptor, "flags");
    const [client, server] = [endAt(batch, descriptor, "c"), endAt(batch, descriptor, "s")];
    const isServer = (flags & DescriptorFlag.server) !== 0;
    if ((flags & DescriptorFlag.listening) !== 0 || server === null || (isServer && client === null)) return null;
    const service = this.#serviceOf(batch, process);
    const transport = PROTOCOLS[l4protoOf(batch, descriptor)] ?? null;
    const task = LOOPBACK.test(server.address) ? (batch.container?.taskArn ?? "") : "";
    // A client that has no port yet is no other's other end.
    const far = client === null || client.port === 0 ? service.key : `${client.address} ${client.port}`;
    const key = [task, transport, far, server.address, server.port].join(" ");
    const type = typeOf(batch, at);
    if (CLOSE.has(type) && !this.#flows.has(key)) return null; // it begins nothing
    const begins = CONNECT.has(type) || ACCEPT.has(type);
    const flow = this.#flowOf(key, { address: server.address, port: server.port, transport }, begins, isServer, now);
    const side = isServer ? flow.server : flow.client;
    if (side.service?.key !== service.key && side.service !== null) this.#settle(flow); // it was handed on
    side.service = service;
    side.isBegun ||= begins;
    return { flow, side, isServer };
  }

  #flowOf(key: string, place: Place, begins: boolean, isServer: boolean, now: number): Flow {
    const step = Math.floor(now / STEP_S);
    let flow = this.#flows.get(key);
    this.#flows.delete(key);
    if (flow !== undefined && begins && isOver(flow, isServer, now)) {
      this.#settle(flow); // the port is another connection's
      flow = undefined;
    }
    flow ??= { ...place, begun: now, at: step, closed: null, client: newSide(), server: newSide() };
    if (flow.at !== step && isSettled(flow, now)) {
      this.#settle(flow);
      flow.at = step;
    }
    this.#flows.set(key, flow);
    return flow;
  }

  #serviceOf(batch: Batch, process: number): Service {
    const text = (field: string): string | null => processText(batch, process, PROCESS_AT[field] as number);
    const [exepath, own] = [text("exepath"), text("container_id")];
    const uid = Number(processInt(batch, process, PROCESS_AT.uid as number) ?? 0);
    const key = JSON.stringify([containerOf({ own, facts: batch.container })?.id ?? "", exepath, uid]);
    const known = this.#services.get(key);
    if (known !== undefined) {
      known.facts = batch.container ?? known.facts;
      return known;
    }
    const program = basename(exepath ?? "") || (text("name") ?? "?");
    const service = { key, program: program.slice(0, NAME_MAX), exepath, uid, own, facts: batch.container };
    this.#services.set(key, service);
    return service;
  }

  /** Its numbers become the edge's. */
  #settle(flow: Flow): void {
    const counts = countsOf(flow);
    for (const side of [flow.client, flow.server]) Object.assign(side, NOTHING);
    if (!isUsed(counts)) return;
    const edge = this.#edgeOf(endsOf(flow), placeOf(flow));
    const last = edge.steps.at(-1);
    const step = last !== undefined && last.at >= flow.at ? last : { at: flow.at, ...NOTHING };
    if (step !== last) edge.steps.push(step);
    addTo(step, counts);
  }

  /** It is the one that was heard of last. */
  #edgeOf(ends: Ends, place: Place): Edge {
    const key = edgeKey(ends, place);
    const known = this.#edges.get(key);
    if (known === undefined && place.address !== null && this.#isFull(ends.client))
      return this.#edgeOf({ client: ends.client, server: null }, { ...place, address: null, port: null });
    const edge = known ?? { key, ...ends, ...place, steps: [] };
    this.#edges.delete(key);
    this.#edges.set(key, edge);
    return edge;
  }

  #isFull(client: Service | null): boolean {
    if (client === null) return false;
    let places = 0;
    for (const edge of this.#edges.values()) if (edge.client?.key === client.key) places++;
    return places >= PLACES_MAX;
  }

  #trim(): void {
    for (const [key, flow] of this.#flows) {
      if (this.#flows.size <= FLOWS_MAX) break;
      this.#flows.delete(key);
      this.#settle(flow);
    }
    while (this.#edges.size > EDGES_MAX) this.#leaveOne();
    this.#forgetServices();
  }

  /** Of the container with most edges that goes which was silent for longest. */
  #leaveOne(): void {
    const counts = new Map<string, number>();
    for (const edge of this.#edges.values()) counts.set(groupOf(edge), (counts.get(groupOf(edge)) ?? 0) + 1);
    const [most] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
    for (const edge of this.#edges.values()) {
      if (groupOf(edge) !== most) continue;
      this.#edges.delete(edge.key);
      this.#leftOut++;
      return;
    }
  }

  /** What is too old, and steps that are yet to come: the clock was set back. */
  #forget(at: number): void {
    this.#begun = Math.min(this.#begun, this.#now());
    for (const [key, { steps }] of this.#edges) {
      while (steps[0] !== undefined && steps[0].at <= at - STEPS) steps.shift();
      while ((steps.at(-1)?.at ?? at) > at) steps.pop();
      if (steps.length === 0) this.#edges.delete(key);
    }
    this.#forgetServices();
  }

  #forgetServices(): void {
    const used = new Set([...this.#edges.values()].flatMap(({ client, server }) => [client?.key, server?.key]));
    for (const { client, server } of this.#flows.values()) used.add(client.service?.key).add(server.service?.key);
    for (const key of this.#services.keys()) if (!used.has(key)) this.#services.delete(key);
  }
}

const NOTHING: EdgeCounts = { made: 0, failed: 0, bytesTo: 0, bytesFrom: 0 };
const isUsed = ({ made, failed, bytesTo, bytesFrom }: EdgeCounts): boolean => made + failed + bytesTo + bytesFrom > 0;
const newSide = (): Side => ({ ...NOTHING, service: null, isBegun: false });
const endsOf = ({ client, server }: Flow): Ends => ({ client: client.service, server: server.service });
const placeOf = ({ address, port, transport }: Place): Place => ({ address, port, transport });
/** A connection is counted once: as the client has it, where it is seen. */
const countsOf = ({ client, server }: Flow): EdgeCounts => countsIn(client.service === null ? server : client);
const countsIn = ({ made, failed, bytesTo, bytesFrom }: EdgeCounts): EdgeCounts => ({
  ...{ made, failed, bytesTo, bytesFrom },
});
function groupOf({ client, server }: Ends): string {
  const service = client ?? server;
  return (service === null ? null : containerOf(service)?.id) ?? "";
}

/**
 * What is known of a service's container; null: it is in none. An agent may also tell of processes of another
 * container of the task: of that one the id is known.
 */
export function containerOf({ own, facts }: Pick<Service, "own" | "facts">): Container | null {
  if (facts !== null && (own === null || facts.id.startsWith(own))) return { id: facts.id, name: facts.name };
  return own === null || own === "" ? null : { id: own, name: null };
}

/** Whether it is known of both ends who they are, or will not be known any more. */
function isSettled({ client, server, begun }: Flow, now: number): boolean {
  return (client.service !== null && server.service !== null) || Math.abs(now - begun) > GRACE_S;
}

/** Whether a call that begins a connection begins another one than this. */
function isOver({ client, server, closed }: Flow, isServer: boolean, now: number): boolean {
  if ((isServer ? server : client).isBegun) return true;
  return closed !== null && Math.abs(now - closed) > GRACE_S;
}

function edgeKey({ client, server }: Ends, { address, port, transport }: Place): string {
  return JSON.stringify([client?.key ?? null, server?.key ?? null, address, port, transport]);
}

function seen({ client, server, address, port, transport }: Ends & Place, all: readonly EdgeCounts[]): SeenEdge {
  const counts = { ...NOTHING };
  for (const one of all) addTo(counts, one);
  return { client, server, address, port, transport, ...counts };
}

/** Adds what went over one to the other. */
export function addTo(sum: EdgeCounts, { made, failed, bytesTo, bytesFrom }: EdgeCounts): void {
  sum.made += made;
  sum.failed += failed;
  sum.bytesTo += bytesTo;
  sum.bytesFrom += bytesFrom;
}

function count({ flow, side, isServer }: End, batch: Batch, at: number, type: number): void {
  const result = resultOf(batch, at);
  if (CONNECT.has(type) || ACCEPT.has(type)) {
    if (flow.transport !== "tcp") return; // it sends nothing: glibc asks for its own address so
    const error = result !== null && result < 0 ? errnoName(Number(result)) : null;
    if (isMade(error)) side.made++;
    else if (error !== null && !WAS_MADE.has(error)) side.failed++;
    return;
  }
  if (result === null || result <= 0) return;
  if (READS.has(type) === isServer) side.bytesTo += Number(result);
  else side.bytesFrom += Number(result);
}

const intOf = (batch: Batch, descriptor: number, field: string): number =>
  Number(descriptorInt(batch, descriptor, FD[field] as number) ?? 0);

/** The client's or the server's end. An IPv4 address is the same whichever socket it goes through. */
function endAt(batch: Batch, descriptor: number, side: "c" | "s"): { address: string; port: number } | null {
  const bytes = readBytes(batch, batch.descriptorView, descriptor + (FD[`${side}ip`] as number));
  if (bytes === null) return null;
  const isMapped = bytes.length === 16 && MAPPED.equals(bytes.subarray(0, 12));
  const address = addressText(isMapped ? bytes.subarray(12) : bytes);
  return address === null ? null : { address, port: intOf(batch, descriptor, `${side}port`) };
}
