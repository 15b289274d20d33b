// SPDX-License-Identifier: Apache-2.0
// The map of services, for one viewer: edges as connections tell of them (edges.ts), with requests, failures
// and times where a meter measured them. A meter says of its own service which program it is, and a client's
// meter says the server's address and port. So numbers of clients belong to the edge of that program, address
// and port. A server's meter does not say who asked: its numbers belong to an edge if it is the only one that
// leads to the program. Numbers that fit several edges are given to none.
import { isInScope } from "../engine/scope.js";
import { type Measures, type MeterRow, MeterRows, SERVICE } from "../metric/meter-rows.js";
import type { Batch } from "../wire/batch.js";
import { addTo, containerOf, type EdgeCounts, Edges, type SeenEdge, type Service } from "./edges.js";
import type { ServiceMap as Shown } from "./shapes.js";
import { sees, type Viewer } from "./viewer.js";

/** What a viewer wants to see. */
export interface MapQuery {
  readonly minutes: number;
  readonly limit: number;
}

type End = Shown["items"][number]["from"];
type Numbers = Shown["items"][number]["measured"][number];
type MapRow = MeterRow<ReturnType<typeof mapLabels>>;

interface Row extends EdgeCounts {
  readonly from: End;
  readonly to: End;
  readonly addresses: Set<string>;
  readonly port: number | null;
  readonly transport: string | null;
  readonly measured: Numbers[];
}

/** Addresses that are told of one edge. */
const ADDRESSES_MAX = 4;

/** Edges and numbers of one sensor. `now` gives seconds since the epoch. */
export class ServiceMaps {
  readonly edges: Edges;
  readonly #rows: MeterRows<ReturnType<typeof mapLabels>>;

  constructor(measures: () => Measures, now?: () => number) {
    this.edges = new Edges(now);
    this.#rows = new MeterRows(measures, mapLabels, now);
  }

  add(batch: Batch): void {
    this.edges.add(batch);
  }

  /** Call it at least once in a step. */
  look(): void {
    this.edges.look();
    this.#rows.look();
  }

  /** Edges of which at least one end belongs to the viewer; the other end has no name then. */
  view(viewer: Viewer, { minutes, limit }: MapQuery): Shown {
    this.#rows.look();
    const { seconds, edges } = this.edges.recent(minutes);
    const rows = rowsOf(viewer, edges);
    const measured = this.#rows.recent(minutes, (tenant) => sees(viewer, tenant ?? undefined));
    let unplaced = this.#rows.leftOut((tenant) => sees(viewer, tenant ?? undefined));
    for (const one of measured.filter(({ labels }) => labels.address !== null)) {
      const [row, second] = rows.filter((edge) => isOfClient(edge, one));
      if (row === undefined || second !== undefined) unplaced += one.requests;
      else row.measured.push(numbersOf(one, "client"));
    }
    for (const one of measured.filter(({ labels }) => labels.address === null)) {
      const [row, second] = rows.filter(({ to }) => to !== null && to.program === one.labels.service);
      const isOnlyOne = row !== undefined && second === undefined;
      if (isOnlyOne && row.measured.every(({ by }) => by === "server")) row.measured.push(numbersOf(one, "server"));
    }
    const sorted = rows.sort((a, b) => requestsOf(b) - requestsOf(a) || weightOf(b) - weightOf(a));
    return {
      seconds,
      meters: this.#rows.meters((tenant) => sees(viewer, tenant ?? undefined)),
      items: sorted.slice(0, limit).map(shown),
      more: Math.max(0, rows.length - limit),
      unplaced,
      left_out: viewer.kind === "operator" ? this.edges.leftOut : 0,
      missed: this.edges.missed,
    };
  }
}

/** What one viewer is told as one edge is one row. */
function rowsOf(viewer: Viewer, edges: readonly SeenEdge[]): Row[] {
  const rows = new Map<string, Row>();
  for (const edge of edges) {
    const [from, to] = [edge.client, edge.server].map((service) => endOf(viewer, service)) as [End, End];
    if (from === null && to === null) continue;
    const { address, port, transport } = edge;
    const key = JSON.stringify([from, to, to === null ? address : null, port, transport]);
    const counts = { made: 0, failed: 0, bytesTo: 0, bytesFrom: 0 };
    const row = rows.get(key) ?? { from, to, port, transport, addresses: new Set(), measured: [], ...counts };
    rows.set(key, row);
    if (address !== null) row.addresses.add(address);
    addTo(row, edge);
  }
  return [...rows.values()];
}

/** Null: it is outside, or not the viewer's. */
function endOf(viewer: Viewer, service: Service | null): End {
  if (service === null || !isSeen(viewer, service)) return null;
  return { program: service.program, container: containerOf(service) };
}

function isSeen(viewer: Viewer, { facts, own, uid, exepath }: Service): boolean {
  if (viewer.kind === "operator") return true;
  return isInScope(viewer.scope, facts, { container: () => own, uid: () => BigInt(uid), exepath: () => exepath });
}

function isOfClient({ from, addresses, port }: Row, { labels }: MapRow): boolean {
  return from?.program === labels.service && addresses.has(labels.address ?? "") && String(port) === labels.port;
}

function mapLabels(label: (...names: readonly string[]) => string | null, metric: string) {
  return {
    service: label(...SERVICE),
    address: label("server.address"),
    port: label("server.port"),
    protocol: label("rpc.system.name", "db.system.name", "messaging.system") ?? metric.split(".", 1)[0]!,
  };
}

function numbersOf({ id: _, labels: { protocol }, ...numbers }: MapRow, by: Numbers["by"]): Numbers {
  return { ...numbers, protocol, by };
}

const requestsOf = ({ measured }: Row): number => Math.max(0, ...measured.map(({ requests }) => requests));
const weightOf = ({ made, failed, bytesTo, bytesFrom }: Row): number => bytesTo + bytesFrom + 1_000 * (made + failed);

function shown({ from, to, addresses, port, transport, made, failed, bytesTo, bytesFrom, measured }: Row) {
  return {
    ...{ from, to, port, transport, measured, connections: made, failed },
    addresses: [...addresses].slice(0, ADDRESSES_MAX),
    ...{ bytes_to: bytesTo, bytes_from: bytesFrom },
  };
}
