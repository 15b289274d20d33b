// SPDX-License-Identifier: Apache-2.0
// Who talks to whom, and who listens, since Vedette began: a row for each process, direction, protocol and
// place. Of what a process reaches, a place is the address and the port; of who reaches it, the address and
// the process's own port. So ten thousand connections to one server are one row that counts them.
//
// It is bounded. A process has at most PLACES_MAX rows; what it does with further places is counted in one
// row more. Beyond ROWS_MAX the rows of those processes go that were silent for longest, and are counted too:
// whoever scans a network fills rows of his own, and the screen says how many went.
import { EVENTS } from "../../build/generated/events.js";
import { addressText } from "../wire/address.js";
import type { Batch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { addressOf, descriptorInt, isInternet } from "../wire/descriptor.js";
import { DescriptorFlag, DESCRIPTOR_AT as FD, PROCESS_AT } from "../wire/layout.js";
import { errnoName } from "../wire/names.js";
import { commandLine, processInt, processText } from "../wire/process.js";
import { descriptorAt, processAt, resultOf, timeOf, typeOf } from "../wire/record.js";
import { readBytes } from "../wire/slot.js";
import { processKey } from "./process-key.js";

/** Rows of one process that have a place of their own. */
export const PLACES_MAX = 100;
const ROWS_MAX = 2_000;
/** Containers of which it is known where they talk to, and places of each. */
const CONTAINERS_MAX = 200;
const KNOWN_PLACES_MAX = 4_000;
const COMMAND_MAX = 1_000;
const USER_MAX = 100;
/** Ten minutes long a container learns its usual places, from its first connection on. */
const USUAL_NS = 600_000_000_000n;
const [TCP, UDP] = [6, 17];
const PROTOCOLS: Readonly<Record<number, string>> = { 1: "icmp", [TCP]: "tcp", [UDP]: "udp", 58: "icmp", 255: "raw" };
const READS = idsOf("read pread readv preadv preadv2 recvfrom recvmsg");
const WRITES = idsOf("write pwrite writev pwritev pwritev2 sendto sendmsg sendfile");
const [CONNECT, ACCEPT] = [idsOf("connect"), idsOf("accept accept4")];
const [LISTEN, BIND, CLOSE, EXIT] = [idsOf("listen"), idsOf("bind"), idsOf("close"), idsOf("procexit")];
/** Which row these are of is not that of other calls on the same descriptor. */
const IS_OF_ITS_OWN = idsOf("listen bind close");
const [STREAM, DATAGRAM] = [1, 2];
/** Of a connect: it is under way, or has been made before. */
const UNDER_WAY = new Set(["EINPROGRESS", "EALREADY", "EISCONN", "EINTR"]);

/** Which way it went; `listening`: others may reach the process there. */
export type Direction = "out" | "in" | "listening";

/** One row. Times are ns since the epoch. */
export interface Connection {
  /** The later a row was made, the higher. */
  readonly seq: number;
  readonly direction: Direction;
  /** `tcp`, `udp` ...; null: it has no name. */
  readonly protocol: string | null;
  readonly localAddress: string | null;
  /** Null where each connection has another one. */
  readonly localPort: number | null;
  /** Null where it listens, and in the row of all further places. */
  readonly remoteAddress: string | null;
  readonly remotePort: number | null;
  /** The same addresses as 4 or 16 bytes, and the protocol's number, as a condition compares them. */
  readonly raw: RawPlace;
  /** The row of all places beyond PLACES_MAX. */
  readonly isRest: boolean;
  /** Its container went there for the first time, more than ten minutes after its first connection. */
  readonly isNew: boolean;
  readonly process: ConnectionProcess;
  readonly first: bigint;
  last: bigint;
  /** Connections made or taken, and those that failed. */
  made: number;
  failed: number;
  /** The name of the newest failure. */
  error: string | null;
  bytesIn: number;
  bytesOut: number;
  /** The socket was closed, or the process has ended; null: neither was seen. */
  until: bigint | null;
}

/** What the kernel calls a place. */
export interface RawPlace {
  readonly local: Uint8Array | null;
  readonly remote: Uint8Array | null;
  readonly l4proto: number;
}

/** Whose it is. */
export interface ConnectionProcess {
  readonly key: string;
  readonly pid: number;
  readonly name: string | null;
  readonly exepath: string | null;
  readonly cmdline: string | null;
  readonly uid: number;
  readonly user: string | null;
  /** The id that the process itself has; null on a plain host. */
  readonly own: string | null;
  readonly facts: ContainerFacts | null;
}

interface Place {
  readonly protocol: string | null;
  readonly localAddress: string | null;
  readonly localPort: number | null;
  readonly remoteAddress: string | null;
  readonly remotePort: number | null;
  readonly raw: RawPlace;
}

interface OfProcess {
  readonly process: ConnectionProcess;
  readonly rows: Map<string, Connection>;
}

interface OfContainer {
  readonly begun: bigint;
  readonly places: Set<string>;
}

/** All rows. */
export class Connections {
  /** By process; who was heard of last stands last. */
  readonly #known = new Map<string, OfProcess>();
  readonly #containers = new Map<string, OfContainer>();
  #size = 0;
  #seq = 0;
  #leftOut = 0;

  /** Rows that had to go. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** The newest made first. */
  rows(): Connection[] {
    return [...this.#known.values()].flatMap(({ rows }) => [...rows.values()]).sort((a, b) => b.seq - a.seq);
  }

  add(batch: Batch): void {
    const source = Buffer.from(batch.source).toString("hex");
    const found = new Map<number, Connection | null>();
    for (const at of batch.offsets) {
      const type = typeOf(batch, at);
      if (EXIT.has(type)) this.#end(processKey(batch, source, processAt(batch, at)), timeOf(batch, at));
      const descriptor = descriptorAt(batch, at);
      if (descriptor < 0 || !isInternet(batch, descriptor)) continue;
      const process = processAt(batch, at);
      if (process < 0) continue;
      // Two processes may share the entry of a descriptor.
      const entry = descriptor * 0x100000 + process;
      const isKept = !IS_OF_ITS_OWN.has(type);
      const row = (isKept ? found.get(entry) : undefined) ?? this.#rowOf(batch, source, at, descriptor, process);
      if (isKept) found.set(entry, row);
      if (row !== null) count(row, batch, at, type);
    }
    this.#trim();
  }

  #rowOf(batch: Batch, source: string, at: number, descriptor: number, process: number): Connection | null {
    const direction = directionOf(batch, at, descriptor);
    if (direction === null) return null;
    const key = processKey(batch, source, process);
    const place = placeOf(batch, descriptor, direction);
    const { protocol, localPort, remotePort } = place;
    const name = [direction, protocol, place.remoteAddress ?? place.localAddress, remotePort, localPort].join(" ");
    if (CLOSE.has(typeOf(batch, at))) return this.#known.get(key)?.rows.get(name) ?? null; // it begins nothing
    const known = this.#known.get(key) ?? { process: describe(batch, key, process), rows: new Map() };
    this.#known.delete(key);
    this.#known.set(key, known);
    const isRest = !known.rows.has(name) && known.rows.size >= PLACES_MAX;
    const own = isRest ? `${direction} rest` : name;
    let row = known.rows.get(own);
    if (row === undefined) {
      const time = timeOf(batch, at);
      const isNew = direction === "out" && this.#isNew(known.process, name, time);
      const fresh = { direction, process: known.process, isRest, isNew, first: time, last: time };
      const counts = { made: 0, failed: 0, error: null, bytesIn: 0, bytesOut: 0, until: null };
      row = { ...fresh, ...(isRest ? NOWHERE : place), ...counts, seq: ++this.#seq };
      known.rows.set(own, row);
      this.#size++;
    }
    return row;
  }

  /** Whether the container did not know that place, long after it began. */
  #isNew({ own, facts }: ConnectionProcess, place: string, time: bigint): boolean {
    const id = facts?.id ?? own ?? "";
    const container = this.#containers.get(id) ?? { begun: time, places: new Set<string>() };
    this.#containers.delete(id);
    this.#containers.set(id, container);
    for (const oldest of this.#containers.keys()) {
      if (this.#containers.size <= CONTAINERS_MAX) break;
      this.#containers.delete(oldest);
    }
    if (container.places.has(place)) return false;
    if (container.places.size < KNOWN_PLACES_MAX) container.places.add(place);
    return time - container.begun > USUAL_NS;
  }

  #end(key: string, time: bigint): void {
    for (const row of this.#known.get(key)?.rows.values() ?? []) row.until ??= time;
  }

  #trim(): void {
    for (const [key, { rows }] of this.#known) {
      if (this.#size <= ROWS_MAX) return;
      this.#known.delete(key);
      this.#size -= rows.size;
      this.#leftOut += rows.size;
    }
  }
}

const NOWHERE: Place = {
  ...{ protocol: null, localAddress: null, localPort: null, remoteAddress: null, remotePort: null },
  raw: { local: null, remote: null, l4proto: 0 },
};

function count(row: Connection, batch: Batch, at: number, type: number): void {
  const result = resultOf(batch, at);
  const time = timeOf(batch, at);
  row.last = time;
  if (CLOSE.has(type)) {
    if (row.direction === "listening" && result === 0) row.until = time;
    return;
  }
  if (row.direction === "listening") row.until = null;
  if (CONNECT.has(type) || ACCEPT.has(type)) {
    const error = result !== null && result < 0 ? errnoName(Number(result)) : null;
    if (error === null || UNDER_WAY.has(error)) row.made += error === "EALREADY" || error === "EISCONN" ? 0 : 1;
    else {
      row.failed++;
      row.error = error;
    }
  }
  if (result === null || result <= 0) return;
  if (READS.has(type)) row.bytesIn += Number(result);
  else if (WRITES.has(type)) row.bytesOut += Number(result);
}

/** Null: nobody is at the other end, and nobody is waited for. */
function directionOf(batch: Batch, at: number, descriptor: number): Direction | null {
  const flags = Number(descriptorInt(batch, descriptor, FD.flags as number) ?? 0);
  const type = typeOf(batch, at);
  const result = resultOf(batch, at);
  const isDatagram = Number(descriptorInt(batch, descriptor, FD.socktype as number) ?? STREAM) === DATAGRAM;
  if (LISTEN.has(type) || (BIND.has(type) && isDatagram)) return result === 0 ? "listening" : null;
  if (BIND.has(type)) return null;
  if ((flags & DescriptorFlag.listening) !== 0) return CLOSE.has(type) ? "listening" : null;
  const isServer = (flags & DescriptorFlag.server) !== 0;
  const remote = addressOf(batch, descriptor, (isServer ? FD.cip : FD.sip) as number);
  if (remote !== null) return isServer ? "in" : "out";
  return CLOSE.has(type) && isDatagram ? "listening" : null;
}

function placeOf(batch: Batch, descriptor: number, direction: Direction): Place {
  const number = (field: string): number => Number(descriptorInt(batch, descriptor, FD[field] as number) ?? 0);
  const end = (side: "c" | "s") => {
    const bytes = readBytes(batch, batch.descriptorView, descriptor + (FD[`${side}ip`] as number));
    return { bytes: bytes === null ? null : Uint8Array.from(bytes), port: number(`${side}port`) };
  };
  const isServer = (number("flags") & DescriptorFlag.server) !== 0;
  const [local, remote] = isServer ? [end("s"), end("c")] : [end("c"), end("s")];
  const l4proto = number("l4proto") || (number("socktype") === STREAM ? TCP : UDP);
  const hasRemote = direction !== "listening";
  return {
    protocol: PROTOCOLS[l4proto] ?? null,
    localAddress: local.bytes === null ? null : addressText(local.bytes),
    localPort: direction === "out" ? null : local.port,
    remoteAddress: hasRemote && remote.bytes !== null ? addressText(remote.bytes) : null,
    remotePort: direction === "out" ? remote.port : null,
    raw: { local: local.bytes, remote: hasRemote ? remote.bytes : null, l4proto },
  };
}

function describe(batch: Batch, key: string, process: number): ConnectionProcess {
  const text = (field: string): string | null => processText(batch, process, PROCESS_AT[field] as number);
  const number = (field: string): number => Number(processInt(batch, process, PROCESS_AT[field] as number) ?? 0);
  return {
    key,
    pid: number("pid"),
    name: text("name"),
    exepath: text("exepath"),
    cmdline: commandLine(batch, process)?.slice(0, COMMAND_MAX) ?? null,
    uid: number("uid"),
    user: text("user")?.slice(0, USER_MAX) ?? null,
    own: text("container_id"),
    facts: batch.container,
  };
}

function idsOf(names: string): ReadonlySet<number> {
  const wanted = new Set(names.split(" "));
  return new Set(EVENTS.flatMap(({ name, id }) => (wanted.has(name) ? [id] : [])));
}
