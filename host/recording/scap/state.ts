// SPDX-License-Identifier: Apache-2.0
// What is known of threads and descriptors while a capture is read: the tables that the capture began with,
// changed by each event.
import { addressText } from "../../wire/address.js";

/**
 * One thread. Ids are numbers of the machine that was captured, times are nanoseconds since the epoch, and
 * null is not known.
 */
export interface Thread {
  readonly tid: number;
  pid: number;
  ptid: number;
  sid: number | null;
  pgid: number | null;
  vpid: number | null;
  tty: number | null;
  uid: number;
  gid: number;
  loginuid: number | null;
  capInheritable: bigint | null;
  capPermitted: bigint | null;
  capEffective: bigint | null;
  exeFlags: number | null;
  exeIno: bigint | null;
  exeCtime: bigint | null;
  exeMtime: bigint | null;
  fdLimit: number | null;
  readonly startTime: bigint | null; // when its clone was seen
  pidnsStart: bigint | null; // when the first process of its pid namespace started
  name: string;
  exe: string;
  exepath: string;
  args: string[];
  env: string[];
  cwd: string | null; // null: not known
  cgroups: string[];
  descriptors: Map<number, Descriptor>; // shared by the threads of a process
  version: number; // counts changes
}

/** One line of the capture's user list, as passwd(5) has it. */
export interface User {
  name: string;
  readonly home: string;
  readonly shell: string;
}

/** What one open number refers to. */
export interface Descriptor {
  type: string; // Falco's letter
  name: string | null;
  nameraw: string | null;
  ino: bigint;
  dev: bigint | null;
  protocol: number | null;
  readonly cip: Uint8Array | null;
  sip: Uint8Array | null;
  readonly cport: number | null;
  sport: number | null;
  isServer: boolean;
  isConnected: boolean;
  readonly isListening: boolean;
  isNameChanged: boolean; // by the event at hand
  closesOnExec: boolean;
}

/** As Falco has it, whose ids have 32 bits. */
const UNKNOWN_ID = 0xffffffff;

/** A thread of which only its number is known. */
export function newThread(tid: number): Thread {
  return {
    tid,
    pid: tid,
    ptid: 0,
    sid: null,
    pgid: null,
    vpid: null,
    tty: null,
    uid: UNKNOWN_ID,
    gid: UNKNOWN_ID,
    loginuid: null,
    capInheritable: null,
    capPermitted: null,
    capEffective: null,
    exeFlags: null,
    exeIno: null,
    exeCtime: null,
    exeMtime: null,
    fdLimit: null,
    startTime: null,
    pidnsStart: null,
    name: "",
    exe: "",
    exepath: "",
    args: [],
    env: [],
    cwd: null,
    cgroups: [],
    descriptors: new Map(),
    version: 0,
  };
}

/** A descriptor of which only its type is known. */
export function newDescriptor(type: string): Descriptor {
  return {
    type,
    name: null,
    nameraw: null,
    ino: 0n,
    dev: null,
    protocol: null,
    cip: null,
    sip: null,
    cport: null,
    sport: null,
    isServer: false,
    isConnected: false,
    isListening: false,
    isNameChanged: false,
    closesOnExec: false,
  };
}

/** Both ends of a connection, client first. */
export function internet(d: Descriptor, cip: Uint8Array, cport: number, sip: Uint8Array, sport: number): void {
  Object.assign(d, { cip, cport, sip, sport, name: `${addressText(cip)}:${cport}->${addressText(sip)}:${sport}` });
}

/** The tables of a capture at one moment. */
export class State {
  readonly threads = new Map<number, Thread>(); // changed by add() and remove() alone
  users = new Map<number, User>();
  groups = new Map<number, string>();
  renamed: Descriptor | null = null; // by the event at hand
  #last: Thread | null = null; // most events are of the thread of the one before

  add(thread: Thread): void {
    this.#last = null;
    this.threads.set(thread.tid, thread);
  }

  remove({ tid }: Thread): void {
    this.#last = null;
    this.threads.delete(tid);
  }

  /** Of a thread that the capture does not mention, only the number is known. */
  thread(tid: number): Thread {
    if (this.#last?.tid === tid) return this.#last;
    let thread = this.threads.get(tid);
    if (!thread) {
      thread = newThread(tid);
      this.threads.set(tid, thread);
    }
    this.#last = thread;
    return thread;
  }

  /** Threads of one process have one table of descriptors. */
  shareDescriptors(): void {
    for (const thread of this.threads.values()) {
      const main = this.threads.get(thread.pid);
      if (main && main !== thread) thread.descriptors = main.descriptors;
    }
  }

  /** The container's id from the control group, as container engines name it: 64 hex digits. */
  containerId(thread: Thread): string | null {
    for (const cgroup of thread.cgroups) {
      const found = /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:$|\/)/.exec(cgroup);
      if (found) return found[1]!;
    }
    return null;
  }
}
