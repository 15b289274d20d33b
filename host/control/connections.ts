// SPDX-License-Identifier: Apache-2.0
// Who talks to whom, and who listens, since Vedette began: a row for each process, direction, protocol and
// place. A process that executes another program, or becomes another user, begins new rows: what it did
// before was done by another program. Of what a process reaches, a place is the address and the port; of who
// reaches it, the address and the process's own port. So ten thousand connections to one server are one row
// that counts them.
//
// It is bounded. A program of a process has at most PLACES_MAX rows; what it does with further places is
// counted in one row more. Beyond ROWS_MAX the rows of those programs go that were silent for longest, and
// are counted too: whoever scans a network fills rows of his own, and the screen says how many went.
import { createHash } from "node:crypto";
import { EVENTS } from "../../build/generated/events.js";
import { addressText } from "../wire/address.js";
import type { Batch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { addressOf, descriptorInt, isInternet } from "../wire/descriptor.js";
import { DescriptorFlag, DESCRIPTOR_AT as FD, PROCESS_AT } from "../wire/layout.js";
import { errnoName } from "../wire/names.js";
import { commandLine, exeLine, processInt, processText } from "../wire/process.js";
import { descriptorAt, fdOf, processAt, resultOf, timeOf, typeOf } from "../wire/record.js";
import { paramInt } from "../wire/render.js";
import { readBytes } from "../wire/slot.js";
import { processKey } from "./process-key.js";
import {
  ACCEPT,
  CLOSE,
  CONNECT,
  idsOf,
  isMade,
  l4protoOf,
  PROTOCOLS,
  READS,
  STREAM,
  WAS_MADE,
  WRITES,
} from "./socket-calls.js";

/** Rows of one program of a process that have a place of their own. */
export const PLACES_MAX = 100;
const ROWS_MAX = 2_000;
/** Containers of which it is known where they talk to, and places of each. */
const CONTAINERS_MAX = 200;
const KNOWN_PLACES_MAX = 4_000;
/** Descriptors of one listening socket that are told apart. Of one that has more no close is believed. */
const OPEN_MAX = 64;
/** Characters that are kept of a command line. */
const COMMAND_MAX = 4_096;
/** Bytes that an agent keeps of a program's words, with the NUL of each (`list_max`, docs/wire.md). */
const WORDS_MAX = 4_096;
const USER_MAX = 100;
/** Ten minutes long a container learns its usual places, from its first connection on. */
const USUAL_NS = 600_000_000_000n;
const [LISTEN, BIND, EXIT] = [idsOf("listen"), idsOf("bind"), idsOf("procexit")];
const [DUP, FCNTL] = [idsOf("dup dup2 dup3"), idsOf("fcntl")];
const DUP_COMMANDS: readonly unknown[] = [0, 1_030]; // F_DUPFD, F_DUPFD_CLOEXEC
const commandOf = paramInt(EVENTS.find(({ name }) => name === "fcntl")!.params.find(({ name }) => name === "cmd")!);
/** Which row these are of is not that of other calls on the same descriptor. */
const IS_OF_ITS_OWN = new Set([...LISTEN, ...BIND]);
const DATAGRAM = 2;

/** Which way it went; `listening`: others may reach the process there. */
export type Direction = "out" | "in" | "listening";

/** One row. Times are ns since the epoch. */
export interface Connection extends Place {
  /** The later a row was made, the higher. */
  readonly seq: number;
  readonly direction: Direction;
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
  /** The process closed its last descriptor of the socket, or has ended; null: neither was seen. */
  until: bigint | null;
  /** Where it listens: the process's descriptors of the socket, as far as calls told of them. */
  readonly open: Set<number>;
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
  /** At most 4,096 characters. */
  readonly cmdline: string | null;
  /** It may have had more, or nobody could read it. */
  readonly isCut: boolean;
  readonly uid: number;
  readonly user: string | null;
  /** The id that the process itself has; null on a plain host. */
  readonly own: string | null;
  /** As the newest event had them. */
  facts: ContainerFacts | null;
}

/** Between what and what. */
export interface Place {
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
}

/** A program that a process executed, as one user. */
interface Image {
  readonly process: ConnectionProcess;
  readonly rows: Map<string, Connection>;
}

/** By what an image is known. `key` is the process's. */
interface ImageName {
  readonly key: string;
  readonly text: string;
}

interface OfContainer {
  readonly begun: bigint;
  readonly places: Set<string>;
}

/** All rows. */
export class Connections {
  /** By the text of its name; what was heard of last stands last. */
  readonly #known = new Map<string, Image>();
  /** Texts of the images of each process, by its key. */
  readonly #images = new Map<string, Set<string>>();
  readonly #containers = new Map<string, OfContainer>();
  /** Rows of places where somebody listens, or did, by their port. */
  readonly #listening = new Map<number, Set<Connection>>();
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
    const names = new Map<number, ImageName>();
    const used = new Set<number>();
    for (const at of batch.offsets) {
      const type = typeOf(batch, at);
      if (EXIT.has(type)) this.#end(processKey(batch, source, processAt(batch, at)), timeOf(batch, at));
      const descriptor = descriptorAt(batch, at);
      if (descriptor < 0 || !isInternet(batch, descriptor)) continue;
      const process = processAt(batch, at);
      if (process < 0) continue;
      const name = names.get(process) ?? imageName(batch, source, process);
      names.set(process, name);
      if (CLOSE.has(type)) {
        this.#onClose(batch, at, descriptor, name.key);
        continue; // it begins nothing
      }
      if (DUP.has(type) || FCNTL.has(type)) this.#onDup(batch, at, descriptor, name.key);
      // Two processes may share the entry of a descriptor.
      const entry = descriptor * 0x100000 + process;
      const isKept = !IS_OF_ITS_OWN.has(type);
      const row = (isKept ? found.get(entry) : undefined) ?? this.#rowOf(batch, name, at, descriptor, process);
      if (isKept) found.set(entry, row);
      if (row !== null) count(row, batch, at, type);
      if (ACCEPT.has(type)) this.#onAccept(batch, at, row, name.key);
      if (isKept && !used.has(entry)) {
        used.add(entry);
        this.#onUse(batch, name, at, descriptor, process);
      }
    }
    this.#trim();
  }

  #rowOf(batch: Batch, image: ImageName, at: number, descriptor: number, process: number): Connection | null {
    const direction = directionOf(batch, at, descriptor);
    if (direction === null) return null;
    return this.#rowAt(batch, image, at, process, direction, placeOf(batch, descriptor, direction));
  }

  #rowAt(batch: Batch, image: ImageName, at: number, process: number, direction: Direction, place: Place): Connection {
    const name = placeName(direction, place);
    const known = this.#imageOf(batch, image, process);
    const isRest = !known.rows.has(name) && known.rows.size >= PLACES_MAX;
    const own = isRest ? `${direction} rest` : name;
    let row = known.rows.get(own);
    if (row === undefined) {
      const time = timeOf(batch, at);
      const isNew = direction === "out" && this.#learns(known.process, name, time);
      const fresh = { direction, process: known.process, isRest, isNew, first: time, last: time };
      const counts = { made: 0, failed: 0, error: null, bytesIn: 0, bytesOut: 0, until: null };
      row = { ...fresh, ...(isRest ? NOWHERE : place), ...counts, open: new Set(), seq: ++this.#seq };
      known.rows.set(own, row);
      this.#size++;
      if (direction === "listening" && row.localPort !== null)
        this.#listening.set(row.localPort, (this.#listening.get(row.localPort) ?? new Set()).add(row));
    }
    return row;
  }

  /** It is the one that was heard of last. */
  #imageOf(batch: Batch, { key, text }: ImageName, process: number): Image {
    const known = this.#known.get(text) ?? { process: describe(batch, key, process), rows: new Map() };
    known.process.facts = batch.container;
    this.#known.delete(text);
    this.#known.set(text, known);
    const images = this.#images.get(key) ?? new Set();
    this.#images.set(key, images.add(text));
    return known;
  }

  /** Who takes a connection listens, whatever it closed: another process may have sent it the socket. */
  #onAccept(batch: Batch, at: number, taken: Connection | null, key: string): void {
    if (taken === null || Number(resultOf(batch, at) ?? -1) < 0) return;
    for (const row of this.#rowsOf(key))
      if (row.until !== null && row.direction === "listening" && takes(row, taken)) row.until = null;
  }

  /**
   * Whoever uses a socket on which another process listens was forked with it, or was sent it, and listens
   * too. Its row is a copy: the other process may end, as daemon(3) has it. Descriptors keep their numbers in
   * a fork.
   */
  #onUse(batch: Batch, image: ImageName, at: number, descriptor: number, process: number): void {
    const isTaken = ACCEPT.has(typeOf(batch, at)) && Number(resultOf(batch, at) ?? -1) >= 0;
    if (!isTaken && !isWaiting(batch, descriptor)) return;
    const place = placeOf(batch, descriptor, "listening");
    const others = this.#listening.get(place.localPort ?? 0);
    if (others === undefined) return;
    const isThere = (row: Connection): boolean => row.direction === "listening" && takes(row, place);
    if (this.#rowsOf(image.key).some(isThere)) return;
    const own = processText(batch, process, PROCESS_AT.container_id as number);
    const isNear = (of: ConnectionProcess): boolean =>
      of.own === own && (of.facts ?? batch.container)?.id === (batch.container ?? of.facts)?.id;
    const other = [...others].find((row) => isThere(row) && isNear(row.process));
    if (other === undefined) return;
    const { protocol, localAddress, localPort, remoteAddress, remotePort, raw } = other;
    const copied = { protocol, localAddress, localPort, remoteAddress, remotePort, raw };
    const row = this.#rowAt(batch, image, at, process, "listening", copied);
    for (const fd of other.open) row.open.add(fd);
    row.until = null;
  }

  #onDup(batch: Batch, at: number, descriptor: number, key: string): void {
    const result = Number(resultOf(batch, at) ?? -1);
    const isDup = DUP.has(typeOf(batch, at)) || DUP_COMMANDS.includes(Number(commandOf(batch, at)));
    if (result < 0 || !isDup) return;
    for (const { open } of this.#waiting(batch, descriptor, key)) if (open.size <= OPEN_MAX) open.add(result);
  }

  /** It listens as long as one descriptor of the socket is open. */
  #onClose(batch: Batch, at: number, descriptor: number, key: string): void {
    if (resultOf(batch, at) !== 0) return;
    for (const row of this.#waiting(batch, descriptor, key)) {
      if (row.open.size > OPEN_MAX || !row.open.delete(fdOf(batch, at))) continue;
      if (row.open.size === 0) row.until = row.last = timeOf(batch, at);
    }
  }

  /** Rows of the process that listen at the place of the descriptor. */
  #waiting(batch: Batch, descriptor: number, key: string): Connection[] {
    if (!this.#images.has(key) || !isWaiting(batch, descriptor)) return [];
    const place = placeOf(batch, descriptor, "listening");
    const name = placeName("listening", place);
    return this.#rowsOf(key).filter((row) => !row.isRest && placeName(row.direction, row) === name);
  }

  /** Rows of a process, whatever it executed since. */
  #rowsOf(key: string): Connection[] {
    const images = [...(this.#images.get(key) ?? [])];
    return images.flatMap((text) => [...(this.#known.get(text)?.rows.values() ?? [])]);
  }
  /** Whether the container did not know that place, long after it began. */
  #learns({ own, facts }: ConnectionProcess, place: string, time: bigint): boolean {
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

  #unlist(row: Connection): void {
    const port = row.localPort ?? 0;
    const rows = this.#listening.get(port);
    if (rows?.delete(row) === true && rows.size === 0) this.#listening.delete(port);
  }

  #end(key: string, time: bigint): void {
    for (const row of this.#rowsOf(key)) row.until ??= time;
  }

  #trim(): void {
    for (const [text, { process, rows }] of this.#known) {
      if (this.#size <= ROWS_MAX) return;
      this.#known.delete(text);
      const images = this.#images.get(process.key);
      images?.delete(text);
      if (images?.size === 0) this.#images.delete(process.key);
      for (const row of rows.values()) this.#unlist(row);
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
  if (row.direction === "listening") {
    row.until = null;
    if (row.open.size <= OPEN_MAX) row.open.add(fdOf(batch, at));
  }
  if (CONNECT.has(type) || ACCEPT.has(type)) {
    const error = result !== null && result < 0 ? errnoName(Number(result)) : null;
    if (isMade(error)) row.made++;
    else if (error !== null && !WAS_MADE.has(error)) {
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
  const flags = flagsOf(batch, descriptor);
  const type = typeOf(batch, at);
  if (LISTEN.has(type) || (BIND.has(type) && isDatagram(batch, descriptor)))
    return resultOf(batch, at) === 0 ? "listening" : null;
  if (BIND.has(type) || (flags & DescriptorFlag.listening) !== 0) return null;
  if (remoteOf(batch, descriptor, flags) === null) return null;
  return (flags & DescriptorFlag.server) === 0 ? "out" : "in";
}

/** Whether others may reach a process by it, as far as the descriptor says. */
function isWaiting(batch: Batch, descriptor: number): boolean {
  const flags = flagsOf(batch, descriptor);
  if ((flags & DescriptorFlag.listening) !== 0) return true;
  return isDatagram(batch, descriptor) && remoteOf(batch, descriptor, flags) === null;
}

const flagsOf = (batch: Batch, descriptor: number): number =>
  Number(descriptorInt(batch, descriptor, FD.flags as number) ?? 0);

const isDatagram = (batch: Batch, descriptor: number): boolean =>
  Number(descriptorInt(batch, descriptor, FD.socktype as number) ?? STREAM) === DATAGRAM;

function remoteOf(batch: Batch, descriptor: number, flags: number): string | null {
  return addressOf(batch, descriptor, ((flags & DescriptorFlag.server) === 0 ? FD.sip : FD.cip) as number);
}

/** Whether a connection may have been taken where a row listens. `0.0.0.0` takes them at any address. */
function takes(listening: Connection, taken: Omit<Place, "raw">): boolean {
  const { localPort, localAddress, protocol } = listening;
  if (localPort !== taken.localPort || protocol !== taken.protocol) return false;
  return localAddress === taken.localAddress || localAddress === "0.0.0.0" || localAddress === "::";
}

function placeName(direction: Direction, place: Omit<Place, "raw">): string {
  const { protocol, remoteAddress, localAddress, remotePort, localPort } = place;
  return [direction, protocol, remoteAddress ?? localAddress, remotePort, localPort].join(" ");
}

function placeOf(batch: Batch, descriptor: number, direction: Direction): Place {
  const number = (field: string): number => Number(descriptorInt(batch, descriptor, FD[field] as number) ?? 0);
  const end = (side: "c" | "s") => {
    const bytes = readBytes(batch, batch.descriptorView, descriptor + (FD[`${side}ip`] as number));
    return { bytes: bytes === null ? null : Uint8Array.from(bytes), port: number(`${side}port`) };
  };
  const isServer = (number("flags") & DescriptorFlag.server) !== 0;
  const [local, remote] = isServer ? [end("s"), end("c")] : [end("c"), end("s")];
  const l4proto = l4protoOf(batch, descriptor);
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

/** A process changes its name as it likes (prctl(2)), so an image is not known by that. */
function imageName(batch: Batch, source: string, process: number): ImageName {
  const key = processKey(batch, source, process);
  const exepath = processText(batch, process, PROCESS_AT.exepath as number);
  const uid = processInt(batch, process, PROCESS_AT.uid as number);
  const told = JSON.stringify([exepath, String(uid), exeLine(batch, process)]); // arguments may have 128 KiB
  return { key, text: `${key} ${createHash("sha256").update(told).digest("base64")}` };
}

function describe(batch: Batch, key: string, process: number): ConnectionProcess {
  const text = (field: string): string | null => processText(batch, process, PROCESS_AT[field] as number);
  const number = (field: string): number => Number(processInt(batch, process, PROCESS_AT[field] as number) ?? 0);
  const [cmdline, words] = [commandLine(batch, process), exeLine(batch, process)];
  return {
    key,
    pid: number("pid"),
    name: text("name"),
    exepath: text("exepath"),
    cmdline: cmdline?.slice(0, COMMAND_MAX) ?? null,
    isCut: words === null || Buffer.byteLength(words) + 1 >= WORDS_MAX,
    uid: number("uid"),
    user: text("user")?.slice(0, USER_MAX) ?? null,
    own: text("container_id"),
    facts: batch.container,
  };
}
