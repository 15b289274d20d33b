// SPDX-License-Identifier: Apache-2.0
// The lists at the head of a capture: processes, their descriptors, users and groups, as they were when the
// capture began. Each list grew over the years: a newer type of block adds fields, and the newest ones carry
// the size of each entry, so that what is added later can be passed over.
import { addressText } from "../../wire/address.js";
import { Cursor } from "./block.js";
import { unixName } from "./params.js";
import { type Descriptor, internet, newDescriptor, newThread, type Thread, type User } from "./state.js";

/** Types of process lists, by version. Some early tools wrote the same form under another number. */
export const PROCESS_LISTS = new Map([
  [0x202, 1],
  [0x8000abcd, 1],
  [0x207, 2],
  [0x8000abce, 2],
  [0x209, 3],
  [0x8000abcf, 3],
  [0x210, 4],
  [0x211, 5],
  [0x212, 6],
  [0x213, 7],
  [0x214, 8],
  [0x215, 9],
]);
/** Block types that list descriptors, and the version of each (libs, scap_savefile.h). */
export const DESCRIPTOR_LISTS = new Map([
  [0x203, 1],
  [0x218, 2],
]);
/** Block types that list users and groups, and the version of each. */
export const USER_LISTS = new Map([
  [0x206, 1],
  [0x220, 2],
]);

const ENTRY_MIN = 4;
// Of what follows the root directory, entries of before libs 0.10 have at most this, and lack the two fields
// at its front.
const OLD_TAIL = 29;

/** Threads of the list at the head of a capture. `version` is the block type's, from 1. */
export function readProcesses(body: Buffer, version: number): Thread[] {
  const c = new Cursor(body);
  const out: Thread[] = [];
  while (c.left >= ENTRY_MIN) {
    const start = c.at;
    const size = version >= 9 ? c.u32() : 0;
    const thread = newThread(Number(c.u64()));
    thread.pid = Number(c.u64());
    thread.ptid = Number(c.u64());
    if (version >= 6) thread.sid = c.i64();
    if (version >= 8) thread.pgid = c.i64();
    thread.name = c.text();
    thread.exe = c.text();
    thread.exepath = version >= 7 ? c.text() : thread.exe;
    thread.args = listOf(c.take(c.u16()));
    thread.cwd = withoutSlash(c.text()) || null;
    thread.fdLimit = c.i64();
    c.u32(); // flags
    thread.uid = c.u32();
    thread.gid = c.u32();
    if (version >= 2) c.take(3 * 4 + 2 * 8); // memory and page faults
    if (version >= 3) thread.env = listOf(c.take(c.u16()));
    if (version >= 4) {
      c.i64(); // the thread's id in its own namespace
      thread.vpid = c.i64();
      thread.cgroups = listOf(c.take(c.u16()));
    }
    if (version >= 5) c.text(); // root directory
    if (size > 0) {
      readTail(new Cursor(body.subarray(c.at, start + size)), thread);
      c.at = start + size;
    }
    out.push(thread);
  }
  return out;
}

function readTail(c: Cursor, thread: Thread): void {
  if (c.left > OLD_TAIL) {
    thread.pidnsStart = c.u64() || null;
    thread.tty = c.u32();
  }
  const flags: [number, boolean][] = [];
  const when = (bytes: number, read: () => void) => {
    if (c.left >= bytes) read();
  };
  when(4, () => (thread.loginuid = c.u32()));
  when(1, () => flags.push([1, c.u8() !== 0]));
  when(8, () => (thread.capInheritable = c.u64()));
  when(8, () => (thread.capPermitted = c.u64()));
  when(8, () => (thread.capEffective = c.u64()));
  when(1, () => flags.push([2, c.u8() !== 0]));
  when(8, () => (thread.exeIno = c.u64()));
  when(8, () => (thread.exeCtime = c.u64()));
  when(8, () => (thread.exeMtime = c.u64()));
  when(1, () => flags.push([4, c.u8() !== 0]));
  thread.exeFlags = flags.reduce((sum, [bit, isSet]) => sum | (isSet ? bit : 0), 0);
}

// The kinds of descriptors, and Falco's letter for each.
const KINDS = new Map([
  [1, "f"],
  [2, "d"],
  [3, "4"],
  [4, "6"],
  [5, "4"],
  [6, "6"],
  [7, "p"],
  [8, "u"],
  [9, "e"],
  [10, "o"],
  [11, "s"],
  [12, "l"],
  [13, "i"],
  [14, "t"],
  [15, "n"],
  [16, "f"],
  [17, "b"],
  [18, "o"],
  [19, "r"],
  [20, "m"],
  [21, "o"],
]);
const PROTOCOLS = new Map([
  [2, 6],
  [3, 17],
  [4, 1],
  [5, 255],
]);

/** The descriptors of one thread, by their numbers. */
export function readDescriptors(body: Buffer, version: number): { tid: number; descriptors: [number, Descriptor][] } {
  const c = new Cursor(body);
  const tid = Number(c.u64());
  const descriptors: [number, Descriptor][] = [];
  while (c.left >= ENTRY_MIN) {
    const start = c.at;
    const size = version >= 2 ? c.u32() : 0;
    const fd = c.i64();
    const ino = c.u64();
    const kind = c.u8();
    const d = newDescriptor(KINDS.get(kind) ?? "o");
    d.ino = ino;
    readKind(c, kind, d, size === 0 ? 0 : start + size);
    if (size > 0) c.at = start + size;
    descriptors.push([fd, d]);
  }
  return { tid, descriptors };
}

function readKind(c: Cursor, kind: number, d: Descriptor, end: number): void {
  const address = (bytes: number) => Uint8Array.from(c.take(bytes));
  switch (kind) {
    case 3:
    case 4: {
      const bytes = kind === 3 ? 4 : 16;
      const [cip, sip] = [address(bytes), address(bytes)];
      internet(d, cip, c.u16(), sip, c.u16());
      d.protocol = PROTOCOLS.get(c.u8()) ?? null;
      return;
    }
    case 5:
    case 6:
      d.sip = address(kind === 5 ? 4 : 16);
      d.sport = c.u16();
      d.name = `${addressText(d.sip)}:${d.sport}`;
      d.isServer = true;
      d.protocol = PROTOCOLS.get(c.u8()) ?? null;
      return;
    case 8:
      d.name = unixName(c.u64().toString(16), c.u64().toString(16), c.text());
      return;
    case 16:
      c.u32(); // open flags
      d.name = c.text();
      if (end - c.at >= 4) d.dev = BigInt(c.u32());
      return;
    default:
      if (KINDS.has(kind)) d.name = c.text();
  }
}

/** Users and groups of the machine that the capture comes from, by id. */
export interface Names {
  readonly users: Map<number, User>;
  readonly groups: Map<number, string>;
}

const USER = 0;

/** Users and groups of the list at the head of a capture. */
export function readUsers(body: Buffer, version: number): Names {
  const c = new Cursor(body);
  const out: Names = { users: new Map(), groups: new Map() };
  while (c.left >= ENTRY_MIN) {
    const start = c.at;
    const size = version >= 2 ? c.u32() : 0;
    if (c.u8() === USER) {
      const uid = c.u32();
      c.u32(); // group
      out.users.set(uid, { name: c.text(), home: c.text(), shell: c.text() });
    } else out.groups.set(c.u32(), c.text());
    if (size > 0) c.at = start + size;
  }
  return out;
}

/** Splits texts that each end with NUL. */
export function listOf(bytes: Buffer): string[] {
  if (bytes.length === 0) return [];
  const text = bytes.toString();
  return (text.endsWith("\0") ? text.slice(0, -1) : text).split("\0");
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
