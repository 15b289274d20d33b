// SPDX-License-Identifier: Apache-2.0
// What the map of the network draws: programs of a container on one side, places on the other, and what goes
// on between them. Addresses of one network and one port are one place, so that a program with a thousand
// clients is one line. There are bounds, and what is beyond them is counted.
import type { ConnectionRow } from "../host/control/shapes.js";

/** Lines that are drawn: more are a picture of nothing. */
export const EDGES_MAX = 200;

/** A program of a container, or a place. */
export interface MapNode {
  readonly name: string;
  /** Of Falco's conditions: true of this node's rows alone; null: it cannot be said. */
  readonly condition: string | null;
  readonly isFound: boolean;
}

/** A line: `isIn`: the place comes to the program. */
export interface MapEdge {
  readonly from: MapNode;
  readonly to: MapNode;
  readonly isIn: boolean;
  made: number;
  failed: number;
  bytes: number;
}

/** What is drawn, the programs and the places in the order of their lines; `more`: lines beyond the bound. */
export interface NetworkMap {
  readonly programs: readonly MapNode[];
  readonly places: readonly MapNode[];
  readonly edges: readonly MapEdge[];
  readonly more: number;
}

/** `without`: names of nodes that somebody does not want to see. */
export function mapOf(rows: readonly ConnectionRow[], without: ReadonlySet<string>): NetworkMap {
  const alone = networksWithOne(rows);
  const nodes = new Map<string, MapNode>();
  const edges = new Map<string, MapEdge>();
  for (const row of rows) {
    const [from, to] = [programOf(row), placeOf(row, alone)];
    if (to === null || without.has(from.name) || without.has(to.name)) continue;
    const key = `${from.name}\n${to.name}\n${row.direction}`;
    const edge = edges.get(key) ?? {
      ...{ from: nodeIn(nodes, "from", from), to: nodeIn(nodes, "to", to), isIn: row.direction === "in" },
      ...{ made: 0, failed: 0, bytes: 0 },
    };
    edges.set(key, edge);
    edge.made += row.made;
    edge.failed += row.failed;
    edge.bytes += row.bytes_in + row.bytes_out;
  }
  const all = [...edges.values()].sort((a, b) => weightOf(b) - weightOf(a));
  const shown = all.slice(0, EDGES_MAX);
  return {
    programs: [...new Set(shown.map(({ from }) => from))],
    places: [...new Set(shown.map(({ to }) => to))],
    edges: shown,
    more: all.length - shown.length,
  };
}

/** One node of a name; a finding about any of its rows marks it. */
function nodeIn(nodes: Map<string, MapNode>, side: string, node: MapNode): MapNode {
  const known = nodes.get(`${side} ${node.name}`);
  if (known !== undefined) {
    if (node.isFound) (known as { isFound: boolean }).isFound = true;
    return known;
  }
  nodes.set(`${side} ${node.name}`, node);
  return node;
}

function programOf({ process, container, findings }: ConnectionRow): MapNode {
  const where = container === null ? "host" : (container.name ?? container.id);
  const condition = process.name === null ? null : `proc.name = ${quoted(process.name)} and ${isIn(container)}`;
  return { name: `${process.name ?? "?"} · ${where}`, condition, isFound: findings !== null && findings > 0 };
}

/** Outside a container its id is `host`. */
function isIn(container: ConnectionRow["container"]): string {
  if (container === null) return "container.id = host";
  return container.name === null
    ? `container.id = ${quoted(container.id)}`
    : `container.name = ${quoted(container.name)}`;
}

/** Null: it has no other end. */
function placeOf({ direction, remote, local, rest }: ConnectionRow, alone: ReadonlySet<string>): MapNode | null {
  if (direction === "listening") return null;
  if (rest || remote.address === null) return { name: "all further places", condition: null, isFound: false };
  const network = networkOf(remote.address);
  const isOne = alone.has(network) || network === remote.address;
  const at = isOne ? remote.address : network;
  const where = isOne ? `fd.rip = ${remote.address}` : `fd.rnet = ${network}`;
  // The direction comes first: of another one the same port is not known, and the answer would tell of that.
  const [arrow, way, field, port] =
    direction === "in"
      ? ["→ ", "evt.type in (accept, accept4)", "fd.lport", local.port]
      : ["", "evt.type = connect", "fd.rport", remote.port];
  return {
    name: `${at} ${arrow}:${port ?? "?"}`,
    condition: port === null ? null : `${way} and ${where} and ${field} = ${port}`,
    isFound: false,
  };
}

/** Networks of which one address alone is there. */
function networksWithOne(rows: readonly ConnectionRow[]): ReadonlySet<string> {
  const addresses = new Map<string, Set<string>>();
  for (const { remote } of rows) {
    if (remote.address === null) continue;
    const network = networkOf(remote.address);
    addresses.set(network, (addresses.get(network) ?? new Set()).add(remote.address));
  }
  return new Set([...addresses].flatMap(([network, of]) => (of.size === 1 ? [network] : [])));
}

/** `203.0.113.0/24`; `2001:db8:1:2::/64`; what is neither is itself. */
export function networkOf(address: string): string {
  const four = /^(\d+\.\d+\.\d+)\.\d+$/.exec(address);
  if (four !== null) return `${four[1]}.0/24`;
  if (!/^[0-9a-f:]+$/i.test(address)) return address;
  const [head = "", tail] = address.split("::");
  const parts = head === "" ? [] : head.split(":");
  if (tail === undefined && parts.length !== 8) return address;
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - parts.length - rest.length);
  const whole = [...parts, ...Array.from({ length: zeros }, () => "0"), ...rest];
  return `${whole.slice(0, 4).join(":")}::/64`;
}

const weightOf = ({ bytes, made, failed }: MapEdge): number => bytes + 1_000 * (made + failed);

const quoted = (text: string): string => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
