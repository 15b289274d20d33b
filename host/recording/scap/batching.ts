// SPDX-License-Identifier: Apache-2.0
// Writes a capture's events into one batch: a record for each, with its process and its descriptor, and the
// slots of its type, by a plan that is made once for each type.
import { DESCRIPTOR_FIELDS, DESCRIPTOR_SIZE, type EventType, HEADER_SIZE } from "../../../build/generated/events.js";
import type { BatchBuilder, Slots } from "../../wire/builder.js";
import { ABSENT_HIGH, isSpan, NULL } from "../../wire/layout.js";
import type { ScapEvent } from "./event-table.js";
import { CONVERT } from "./numbers.js";
import { endOfText, nowhere, type RawEvent, sockaddrOf, type Where } from "./params.js";
import type { Descriptor, State, Thread } from "./state.js";

const RECORDS_MAX = 2000;
const STRINGS_MAX = 256 << 10;

/** One batch while it is filled. Processes and descriptors get an entry for each state they were in. */
export class Batching {
  readonly builder: BatchBuilder;
  records = 0;
  #bytes = 0;
  readonly #processes = new Map<Thread, Standing>();
  readonly #descriptors = new Map<Descriptor, { as: Descriptor; index: number }>();
  readonly #state: State;

  constructor(builder: BatchBuilder, first: number, seq: number, state: State) {
    this.#state = state;
    this.builder = builder;
    builder.restart({ first, seq });
  }

  get isFull(): boolean {
    return this.records >= RECORDS_MAX || this.#bytes >= STRINGS_MAX;
  }

  add(type: EventType, raw: RawEvent, thread: Thread, descriptor: { fd: number; entry: Descriptor | null }): void {
    const plan = planOf(type, raw.event);
    const at = this.builder.blank(type, {
      process: this.#process(thread, 0),
      descriptor: descriptor.entry ? this.#descriptor(descriptor.entry) : NULL,
      time: 0n,
      tid: raw.tid,
      fd: descriptor.fd,
    });
    this.builder.putNumber(at + TIME_AT, raw.timeLow, raw.timeHigh);
    if (raw.isGeneric) this.builder.putNumber(at + RESULT_AT, 0, ABSENT_HIGH);
    for (const result of plan.results) if (find(raw, result) && this.#number(at + RESULT_AT, HERE, true)) break;
    for (const slot of plan.slots) {
      if (slot.kind === "argv") this.#argv(at + slot.at, raw);
      else if (find(raw, slot)) this.#slot(at + slot.at, slot, HERE);
    }
    this.records++;
    this.#bytes += raw.size;
  }

  /** Only that and when it happened, and in which thread. */
  addBare(type: EventType, raw: RawEvent): void {
    const at = this.builder.bare(type, raw.tid);
    this.builder.putNumber(at + TIME_AT, raw.timeLow, raw.timeHigh);
    this.records++;
  }

  /** All of them, of which a capture has the first in `exe`. */
  #argv(at: number, raw: RawEvent): void {
    const [exe, args] = [raw.bytes("exe"), raw.bytes("args")];
    if (exe === undefined || exe.length === 0) return;
    const all = Buffer.concat([exe, args ?? Buffer.alloc(0)]);
    this.builder.putBytes(at, all, 0, all.length);
  }

  #slot(at: number, { kind, isSigned, isDynamic, convert }: SlotPlan, where: Where): void {
    if (isDynamic && where.end > where.start) where.start++; // says how the rest is to be read
    const { data, start, end } = where;
    if (kind === "number") {
      const low = lowOf(where);
      const value = convert?.(low) ?? low;
      if (value === low || !INTEGER_SIZES.has(end - start)) this.#number(at, where, isSigned);
      else this.builder.putNumber(at, value | 0, 0);
    } else if (kind === "bytes") this.builder.putBytes(at, data, start, end);
    else if (kind === "address") {
      const address = sockaddrOf(data.subarray(start, end));
      if (address !== null) this.builder.putBytes(at, address, 0, address.length);
    } else {
      const textEnd = endOfText(where);
      if (textEnd >= 0) this.builder.putBytes(at, data, start, textEnd);
    }
  }

  /** False: no integer has this size. */
  #number(at: number, { data, start, end }: Where, isSigned: boolean): boolean {
    const size = end - start;
    if (size === 8) this.builder.putNumber(at, data.readInt32LE(start), data.readInt32LE(start + 4));
    else if (size === 4) {
      const low = data.readInt32LE(start);
      this.builder.putNumber(at, low, isSigned ? low >> 31 : 0);
    } else if (size === 2 || size === 1) {
      const low = isSigned ? data.readIntLE(start, size) : data.readUIntLE(start, size);
      this.builder.putNumber(at, low, low < 0 ? -1 : 0);
    } else return false;
    return true;
  }

  // A descriptor that has not changed is the same entry.
  #descriptor(descriptor: Descriptor): number {
    const known = this.#descriptors.get(descriptor);
    if (known !== undefined && isSame(known.as, descriptor)) return known.index;
    const index = putDescriptor(this.builder, descriptor);
    this.#descriptors.set(descriptor, { as: { ...descriptor }, index });
    return index;
  }

  #process(thread: Thread, depth: number): number {
    const known = this.#processes.get(thread);
    if (known !== undefined && known.version === thread.version && hasStreams(thread, known.streams))
      return known.index;
    const streams = STREAMS.map((fd) => thread.descriptors.get(fd));
    const main = this.#state.threads.get(thread.pid) ?? thread;
    const parent = this.#state.threads.get(main.ptid);
    const index =
      parent && parent !== thread && depth < DEPTH_MAX ? this.#process(this.#mainOf(parent), depth + 1) : NULL;
    const [stdin, stdout, stderr] = streams.map((one) => (one === undefined ? NULL : this.#descriptor(one)));
    const made = this.builder.process({ ...slotsOf(this.#state, thread, main), parent: index, stdin, stdout, stderr });
    this.#processes.set(thread, { version: thread.version, streams, index: made });
    this.#bytes += 512;
    return made;
  }

  #mainOf(thread: Thread): Thread {
    return this.#state.threads.get(thread.pid) ?? thread;
  }
}

function isSame(a: Descriptor, b: Descriptor): boolean {
  return (
    a.name === b.name &&
    a.nameraw === b.nameraw &&
    a.isNameChanged === b.isNameChanged &&
    a.isConnected === b.isConnected &&
    a.isServer === b.isServer &&
    a.isListening === b.isListening &&
    a.type === b.type &&
    a.ino === b.ino &&
    a.dev === b.dev &&
    a.protocol === b.protocol &&
    a.sip === b.sip &&
    a.cip === b.cip &&
    a.sport === b.sport &&
    a.cport === b.cport
  );
}

const STREAMS = [0, 1, 2];

function hasStreams({ descriptors }: Thread, streams: Standing["streams"]): boolean {
  for (const fd of STREAMS) if (descriptors.get(fd) !== streams[fd]) return false;
  return true;
}

/** Which entry a thread has, and as what. */
interface Standing {
  readonly version: number;
  readonly streams: readonly (Descriptor | undefined)[];
  readonly index: number;
}

const DEPTH_MAX = 64;
const SHORT_ID = 12; // what is shown of a container's id

// Parameters that the contract names otherwise.
const ALIASES = new Map([["accept.listenfd", "listenfd"]]);

const HERE = nowhere();
const INTEGER_SIZES = new Set([1, 2, 4, 8]);
const TIME_AT = 8;
const RESULT_AT = 24;

/** A parameter, and its places in a call's entry and return; negative: there is none. */
interface Place {
  readonly name: string;
  readonly entry: number;
  readonly exit: number;
}

/** How one slot of a record comes from a capture's parameter. */
interface SlotPlan extends Place {
  readonly at: number;
  readonly kind: "number" | "bytes" | "address" | "text" | "argv";
  readonly isSigned: boolean;
  readonly isDynamic: boolean;
  readonly convert: ((value: number) => number) | undefined;
}

/** How a type of record comes from a capture's event: which parameter is its result, and its slots. */
interface Plan {
  readonly results: readonly Place[];
  readonly slots: readonly SlotPlan[];
}

const PLANS = new Map<ScapEvent, Plan>();
const KINDS: Readonly<Record<string, SlotPlan["kind"]>> = { sockaddr: "address", bytes: "bytes" };
const UNSIGNED = ["uint", "uid", "gid", "flags", "hex", "mode", "enum", "time"];

function planOf(type: EventType, event: ScapEvent): Plan {
  let plan = PLANS.get(event);
  if (plan === undefined) {
    plan = makePlan(type, event);
    PLANS.set(event, plan);
  }
  return plan;
}

/** Fills HERE in. What a return does not have is its entry's, which may be of another version. */
function find(raw: RawEvent, { name, entry, exit }: Place): boolean {
  if (raw.isEntry) return raw.findAt(entry, HERE);
  if (raw.findAt(exit, HERE)) return true;
  if (raw.entry === null) return false;
  return raw.entry.event === raw.event ? raw.entry.findAt(entry, HERE) : raw.entry.find(name, HERE);
}

function placeOf({ entryPlaces, exitPlaces }: ScapEvent, name: string): Place {
  return { name, entry: entryPlaces.get(name) ?? -1, exit: exitPlaces.get(name) ?? -1 };
}

function makePlan(type: EventType, event: ScapEvent): Plan {
  // Of events whose result is a descriptor it is `fd`, of the others `res`.
  const result = type.params.find((param) => param.from === "res")?.name ?? "res";
  const slots = type.params
    .filter(({ slot }) => slot >= 0)
    .map((param): SlotPlan => {
      const kind = isSpan(param) ? "text" : "number";
      const alias = ALIASES.get(`${type.name}.${param.name}`);
      const place = placeOf(event, param.name);
      return {
        ...(alias !== undefined && place.entry < 0 && place.exit < 0 ? placeOf(event, alias) : place),
        at: HEADER_SIZE + 8 * param.slot,
        kind: param.name === "argv" ? "argv" : (KINDS[param.type] ?? kind),
        isDynamic: place.exit >= 0 && event.exitKinds[place.exit] === "dynamic",
        isSigned: !UNSIGNED.includes(param.type),
        convert: CONVERT[param.table ?? ""],
      };
    });
  return { results: [...new Set([result, "res", "fd"])].map((name) => placeOf(event, name)), slots };
}

const NO_LOGIN = 0xffffffff;

/** The low 32 bits. */
function lowOf({ data, start, end }: Where): number {
  const size = end - start;
  if (size >= 4) return data.readUInt32LE(start);
  return size === 0 ? 0 : data.readUIntLE(start, size);
}

const ADDED = 2 | 4; // EXE_UPPER_LAYER, EXE_FROM_MEMFD

// A capture says no more of it than that the container's writable layer or memory holds the file.
function isOfImage(thread: Thread): boolean {
  return (Number(thread.exeFlags ?? 0) & ADDED) === 0 && !thread.exepath.endsWith(" (deleted)");
}

/** What a thread's slots were, and in which states of what they tell of. */
interface Known {
  readonly version: number;
  readonly main: Thread;
  readonly mainVersion: number;
  readonly users: State["users"];
  readonly slots: Slots;
}

const KNOWN = new WeakMap<Thread, Known>();

// Each batch tells of its processes anew, and most of them have not changed since the last one.
function slotsOf(state: State, thread: Thread, main: Thread): Slots {
  const { version } = thread;
  const { users } = state;
  const known = KNOWN.get(thread);
  if (known?.version === version && known.main === main && known.mainVersion === main.version && known.users === users)
    return known.slots;
  const slots = processSlots(state, thread, main);
  KNOWN.set(thread, { version, main, mainVersion: main.version, users, slots });
  return slots;
}

const listBytes = (texts: readonly string[]): Uint8Array => Buffer.from(texts.map((one) => `${one}\0`).join(""));

/** Of `subsystem=path`. */
function longestPath(cgroups: readonly string[]): string {
  const paths = cgroups.map((one) => one.slice(one.indexOf("=") + 1));
  return paths.reduce((a, b) => (b.length > a.length ? b : a), "");
}

// A thread that the capture does not tell of has no names.
function processSlots(state: State, thread: Thread, main: Thread): Slots {
  const [user, containerId] = [state.users.get(thread.uid), state.containerId(thread)];
  return {
    pid: thread.pid,
    ppid: main.ptid,
    vpid: thread.vpid,
    sid: main.sid,
    pgid: thread.pgid,
    tty: thread.tty,
    uid: thread.uid,
    gid: thread.gid,
    loginuid: thread.loginuid === NO_LOGIN ? -1 : thread.loginuid,
    cap_permitted: thread.capPermitted,
    cap_effective: thread.capEffective,
    cap_inheritable: thread.capInheritable,
    start_time: main.startTime,
    clone_seen: main.startTime === null ? 0 : 1,
    exe_flags: thread.exeFlags,
    exe_of_image: isOfImage(thread) ? 1 : 0,
    exe_ino: thread.exeIno,
    exe_ctime: thread.exeCtime,
    exe_mtime: thread.exeMtime,
    fd_limit: thread.fdLimit,
    name: thread.name || null,
    exe: thread.exe || null,
    exepath: thread.exepath || null,
    args: listBytes(thread.args),
    env: thread.env.length === 0 ? null : listBytes(thread.env),
    cwd: thread.cwd,
    cgroup: longestPath(thread.cgroups),
    user: user?.name,
    home: user?.home || null,
    shell: user?.shell || null,
    group: state.groups.get(thread.gid),
    loginname: thread.loginuid === null ? undefined : state.users.get(thread.loginuid)?.name,
    container_id: containerId?.slice(0, SHORT_ID),
    container_full_id: containerId,
    pidns_start: thread.pidnsStart,
  };
}

// By Falco's letter.
const FAMILIES: Readonly<Record<string, number>> = { u: 1, 4: 2, 6: 10, n: 16 };

function placeIn(name: string): number {
  return 8 * DESCRIPTOR_FIELDS.find((field) => field.name === name)!.slot;
}

const AT = {
  type: placeIn("type"),
  flags: placeIn("flags"),
  dev: placeIn("dev"),
  ino: placeIn("ino"),
  family: placeIn("family"),
  l4proto: placeIn("l4proto"),
  cport: placeIn("cport"),
  sport: placeIn("sport"),
  cip: placeIn("cip"),
  sip: placeIn("sip"),
  name: placeIn("name"),
  nameraw: placeIn("nameraw"),
};

/** Gives its index. Most events that are told have a descriptor of their own: no object is made of it. */
function putDescriptor(builder: BatchBuilder, d: Descriptor): number {
  const flags = (d.isServer ? 2 : 0) | (d.isNameChanged ? 4 : 0) | (d.isConnected ? 8 : 0) | (d.isListening ? 16 : 0);
  const at = builder.blankDescriptor();
  builder.putOfDescriptor(at + AT.type, d.type.charCodeAt(0));
  builder.putOfDescriptor(at + AT.flags, flags);
  builder.putOfDescriptor(at + AT.dev, d.dev);
  builder.putOfDescriptor(at + AT.ino, d.ino);
  builder.putOfDescriptor(at + AT.family, FAMILIES[d.type] ?? null);
  builder.putOfDescriptor(at + AT.l4proto, d.protocol);
  builder.putOfDescriptor(at + AT.cport, d.cport);
  builder.putOfDescriptor(at + AT.sport, d.sport);
  builder.putOfDescriptor(at + AT.cip, d.cip);
  builder.putOfDescriptor(at + AT.sip, d.sip);
  builder.putOfDescriptor(at + AT.name, d.name);
  builder.putOfDescriptor(at + AT.nameraw, d.nameraw);
  return at / DESCRIPTOR_SIZE;
}
