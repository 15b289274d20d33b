// SPDX-License-Identifier: Apache-2.0
// Turns a capture into batches, the same that a live agent sends, so that policies judge both alike. Each
// returned event becomes a record with the process and the descriptor as they were when it happened; of the
// calls that Falco also judges by what was asked for, the entry becomes a record whose call did not return
// yet.
import type { EventType, Field } from "../../../build/generated/events.js";
import { BatchBuilder, type Slots, type SlotValue } from "../../wire/builder.js";
import { EVENTS_BY_NAME } from "../../wire/known-names.js";
import { isSpan, NULL, RecordFlag } from "../../wire/layout.js";
import { readBlocks } from "./block.js";
import { changeAfter, changeBefore, descriptorOf } from "./change.js";
import { DESCRIPTOR_LISTS, PROCESS_LISTS, readDescriptors, readProcesses, readUsers, USER_LISTS } from "./lists.js";
import { CONVERT, EVENT_BLOCKS, intOf, type RawEvent, readEvent, sockaddrOf, textOf, uintOf } from "./params.js";
import { type Descriptor, State, type Thread } from "./state.js";

/** A capture as batches. They can be read once. */
export interface Replay {
  readonly batches: Iterable<Uint8Array>;
  summary(): ReplaySummary; // complete when all batches were read
}

/** What became of a capture's events. */
export interface ReplaySummary {
  readonly events: number; // that became records
  readonly skipped: number; // events of no type of ours, and entries that their return tells again
  readonly unknownBlocks: number;
  readonly isTruncated: boolean;
}

const RECORDS_MAX = 2000;
const STRINGS_MAX = 256 << 10;
const ABSENT = -(2n ** 63n);

/**
 * Throws VEDETTE_SCAP_UNREADABLE where the file is no capture. It goes on past blocks that it does not know.
 */
export function replay(file: Buffer, path: string): Replay {
  const { blocks, isTruncated } = readBlocks(file, path);
  const reader = new Reader();
  function* batches(): Generator<Uint8Array> {
    for (const { type, body } of blocks) {
      const batch = reader.block(type, body);
      if (batch) yield batch;
    }
    const last = reader.flush();
    if (last) yield last;
  }
  return {
    batches: batches(),
    summary: () => ({ ...reader.counts, isTruncated: isTruncated() || reader.isDamaged }),
  };
}

const SECTION_HEADER = 0x0a0d0d0a;
const MACHINE = 0x201;
const INTERFACES = new Set([0x205, 0x219]);

class Reader {
  readonly counts = { events: 0, skipped: 0, unknownBlocks: 0 };
  isDamaged = false;
  readonly #state = new State();
  readonly #entries = new Map<number, RawEvent>();
  #batch: Batching | undefined;
  #next = 1;
  #seq = 0;
  #hasLists = true;

  block(type: number, body: Buffer): Uint8Array | undefined {
    const form = EVENT_BLOCKS.get(type);
    try {
      if (form) {
        const raw = readEvent(body, form);
        if (raw) return this.#event(raw);
        this.isDamaged = true;
      } else this.#list(type, body);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.isDamaged = true;
    }
    return undefined;
  }

  #list(type: number, body: Buffer): void {
    const processes = PROCESS_LISTS.get(type);
    const descriptors = DESCRIPTOR_LISTS.get(type);
    const users = USER_LISTS.get(type);
    if (processes) for (const thread of readProcesses(body, processes)) this.#state.add(thread);
    else if (descriptors) {
      const list = readDescriptors(body, descriptors);
      const table = this.#state.thread(list.tid).descriptors;
      for (const [fd, descriptor] of list.descriptors) table.set(fd, descriptor);
    } else if (users) Object.assign(this.#state, readUsers(body, users));
    else if (type !== SECTION_HEADER && type !== MACHINE && !INTERFACES.has(type)) this.counts.unknownBlocks++;
  }

  #event(raw: RawEvent): Uint8Array | undefined {
    if (this.#hasLists) {
      this.#state.shareDescriptors();
      this.#hasLists = false;
    }
    const type = raw.event && EVENTS_BY_NAME.get(raw.event.name);
    if (!raw.event || !type) {
      this.counts.skipped++;
      return undefined;
    }
    if (raw.isEntry) {
      this.#entries.set(raw.tid, raw);
      if (!raw.event.isEntryTold) {
        this.counts.skipped++;
        return undefined;
      }
      return this.#tell(type, raw);
    }
    const entry = this.#entries.get(raw.tid);
    this.#entries.delete(raw.tid);
    // What the return does not hold, its entry does.
    if (entry?.event?.name === raw.event.name) {
      for (const [name, bytes] of entry.params) if (!raw.params.has(name)) raw.params.set(name, bytes);
    }
    return this.#tell(type, raw);
  }

  #tell(type: EventType, raw: RawEvent): Uint8Array | undefined {
    const thread = this.#state.thread(raw.tid);
    changeBefore(this.#state, thread, raw);
    const told = this.#state.thread(raw.tid);
    this.#batch ??= new Batching(this.#next, ++this.#seq, this.#state);
    this.#batch.add(type, raw, told, descriptorOf(told, raw));
    this.counts.events++;
    changeAfter(this.#state, told, raw);
    return this.#batch.isFull ? this.flush() : undefined;
  }

  flush(): Uint8Array | undefined {
    const bytes = this.#batch?.builder.bytes();
    this.#next += this.#batch?.records ?? 0;
    this.#batch = undefined;
    return bytes;
  }
}

// One batch while it is filled. Processes and descriptors get an entry for each state they were in.
class Batching {
  readonly builder: BatchBuilder;
  records = 0;
  #bytes = 0;
  readonly #processes = new Map<string, number>();
  readonly #state: State;

  constructor(first: number, seq: number, state: State) {
    this.#state = state;
    this.builder = new BatchBuilder({ first, seq });
  }

  get isFull(): boolean {
    return this.records >= RECORDS_MAX || this.#bytes >= STRINGS_MAX;
  }

  add(type: EventType, raw: RawEvent, thread: Thread, descriptor: { fd: number; entry: Descriptor | null }): void {
    const result = raw.isEntry && type.name !== "procexit" ? ABSENT : resultOf(type, raw);
    this.builder.record(type.name, {
      process: this.#process(thread, 0),
      descriptor: descriptor.entry ? this.builder.descriptor(descriptorSlots(descriptor.entry)) : NULL,
      flags: result === ABSENT ? RecordFlag.inFlight : 0,
      time: raw.time,
      tid: raw.tid,
      result,
      fd: descriptor.fd,
      params: this.#slots(type, raw),
    });
    this.records++;
    for (const bytes of raw.params.values()) this.#bytes += bytes.length;
  }

  #slots(type: EventType, raw: RawEvent): Slots {
    const out: Record<string, SlotValue> = {};
    for (const param of type.params) {
      if (param.slot < 0) continue;
      const bytes = raw.params.get(param.name) ?? raw.params.get(ALIASES.get(`${type.name}.${param.name}`) ?? "");
      if (bytes) out[param.name] = slotValue(param, bytes);
    }
    return out;
  }

  #process(thread: Thread, depth: number): number {
    const key = `${thread.tid}.${thread.version}`;
    const known = this.#processes.get(key);
    if (known !== undefined) return known;
    const main = this.#state.threads.get(thread.pid) ?? thread;
    const parent = this.#state.threads.get(main.ptid);
    const index =
      parent && parent !== thread && depth < DEPTH_MAX ? this.#process(this.#mainOf(parent), depth + 1) : NULL;
    const made = this.builder.process(processSlots(this.#state, thread, main, index));
    this.#processes.set(key, made);
    this.#bytes += 512;
    return made;
  }

  #mainOf(thread: Thread): Thread {
    return this.#state.threads.get(thread.pid) ?? thread;
  }
}

const DEPTH_MAX = 64;
const SHORT_ID = 12; // what is shown of a container's id

// Parameters that the contract names otherwise.
const ALIASES = new Map([
  ["execve.argv", "args"],
  ["accept.listenfd", "listenfd"],
]);

// Of events whose result is a descriptor it is `fd`, of the others `res`.
function resultOf(type: EventType, raw: RawEvent): bigint {
  const source = type.params.find((param) => param.from === "res")?.name ?? "res";
  return intOf(raw.params.get(source)) ?? intOf(raw.params.get("res")) ?? intOf(raw.params.get("fd")) ?? 0n;
}

function slotValue(param: Field, bytes: Buffer): SlotValue {
  if (param.type === "sockaddr") return sockaddrOf(bytes);
  if (param.type === "bytes") return bytes;
  if (isSpan(param)) return textOf(bytes);
  const isUnsigned = ["uint", "flags", "hex", "mode", "enum", "time"].includes(param.type);
  const value = isUnsigned ? uintOf(bytes) : intOf(bytes);
  return value === null ? null : (CONVERT[param.table ?? ""]?.(value) ?? value);
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
    stdin: NULL,
    stdout: NULL,
    stderr: NULL,
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
