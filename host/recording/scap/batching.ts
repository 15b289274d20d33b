// SPDX-License-Identifier: Apache-2.0
// Writes a capture's events into one batch: a record for each, with its process and its descriptor, and the
// slots of its type, by a plan that is made once for each type.
import { type EventType, HEADER_SIZE } from "../../../build/generated/events.js";
import type { BatchBuilder, Slots } from "../../wire/builder.js";
import { isSpan, NULL } from "../../wire/layout.js";
import { CONVERT, endOfText, nowhere, type RawEvent, sockaddrOf, type Where } from "./params.js";
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
    const plan = planOf(type);
    const at = this.builder.blank(type, {
      process: this.#process(thread, 0),
      descriptor: descriptor.entry ? this.#descriptor(descriptor.entry) : NULL,
      time: 0n,
      tid: raw.tid,
      fd: descriptor.fd,
    });
    this.builder.putNumber(at + TIME_AT, raw.data.readInt32LE(raw.timeAt), raw.data.readInt32LE(raw.timeAt + 4));
    for (const name of plan.results) if (raw.find(name, HERE) && this.#number(at + RESULT_AT, HERE, true)) break;
    for (const slot of plan.slots) {
      if (raw.find(slot.name, HERE) || (slot.alias !== undefined && raw.find(slot.alias, HERE)))
        this.#slot(at + slot.at, slot, HERE);
    }
    this.records++;
    this.#bytes += raw.size;
  }

  #slot(at: number, { kind, isSigned, convert }: SlotPlan, where: Where): void {
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
    const index = this.builder.descriptor(descriptorSlots(descriptor));
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
    const slots = { ...processSlots(this.#state, thread, main, index), stdin, stdout, stderr };
    const made = this.builder.process(slots);
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
const ALIASES = new Map([
  ["execve.argv", "args"],
  ["accept.listenfd", "listenfd"],
]);

const HERE = nowhere();
const INTEGER_SIZES = new Set([1, 2, 4, 8]);
const TIME_AT = 8;
const RESULT_AT = 24;

/** How one slot of a record comes from a capture's parameter. */
interface SlotPlan {
  readonly name: string;
  readonly alias: string | undefined;
  readonly at: number;
  readonly kind: "number" | "bytes" | "address" | "text";
  readonly isSigned: boolean;
  readonly convert: ((value: number) => number) | undefined;
}

/** How a type of record comes from a capture's event: which parameter is its result, and its slots. */
interface Plan {
  readonly results: readonly string[];
  readonly slots: readonly SlotPlan[];
}

const PLANS = new Map<EventType, Plan>();
const UNSIGNED = ["uint", "flags", "hex", "mode", "enum", "time"];

function planOf(type: EventType): Plan {
  let plan = PLANS.get(type);
  if (plan === undefined) {
    plan = makePlan(type);
    PLANS.set(type, plan);
  }
  return plan;
}

function makePlan(type: EventType): Plan {
  // Of events whose result is a descriptor it is `fd`, of the others `res`.
  const result = type.params.find((param) => param.from === "res")?.name ?? "res";
  const slots = type.params
    .filter(({ slot }) => slot >= 0)
    .map((param): SlotPlan => {
      const kind = isSpan(param) ? "text" : "number";
      return {
        name: param.name,
        alias: ALIASES.get(`${type.name}.${param.name}`),
        at: HEADER_SIZE + 8 * param.slot,
        kind: param.type === "sockaddr" ? "address" : param.type === "bytes" ? "bytes" : kind,
        isSigned: !UNSIGNED.includes(param.type),
        convert: CONVERT[param.table ?? ""],
      };
    });
  return { results: [...new Set([result, "res", "fd"])], slots };
}

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

// A thread that the capture does not tell of has no names.
function processSlots(state: State, thread: Thread, main: Thread, parent: number): Slots {
  const [user, containerId] = [state.users.get(thread.uid), state.containerId(thread)];
  return {
    pid: thread.pid,
    ppid: main.ptid,
    parent,
    vpid: thread.vpid,
    sid: main.sid,
    pgid: thread.pgid,
    tty: thread.tty,
    uid: thread.uid,
    gid: thread.gid,
    loginuid: thread.loginuid,
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
    args: thread.args,
    env: thread.env,
    cwd: thread.cwd,
    cgroup: thread.cgroups.reduce((a, b) => (b.length > a.length ? b : a), ""),
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

function descriptorSlots(d: Descriptor): Slots {
  const flags = (d.isServer ? 2 : 0) | (d.isNameChanged ? 4 : 0) | (d.isConnected ? 8 : 0) | (d.isListening ? 16 : 0);
  return {
    type: d.type,
    flags,
    dev: d.dev,
    ino: d.ino,
    l4proto: d.protocol,
    cport: d.cport,
    sport: d.sport,
    cip: d.cip,
    sip: d.sip,
    name: d.name,
    nameraw: d.nameraw,
  };
}
