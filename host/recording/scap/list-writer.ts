// SPDX-License-Identifier: Apache-2.0
// Entries of the lists at the head of a capture: the twin of lists.ts, in the newest version of each list.
// Falco refuses a list with a text that is longer than its room for it; here it is cut to that.
import type { Batch } from "../../wire/batch.js";
import { typeCharOf } from "../../wire/descriptor.js";
import { DESCRIPTOR_AT, PROCESS_AT } from "../../wire/layout.js";
import { type Int, readBytes, readInt } from "../../wire/slot.js";
import { endedList, namedCgroup } from "./event-writer.js";
import { endsOf, unixEnds } from "./sockets.js";

/** Types of the blocks that these entries go into. */
export const PROCESS_LIST = 0x215;
/** The thread's id stands before the entries. */
export const DESCRIPTOR_LIST = 0x218;
/** Users, and groups. */
export const USER_LIST = 0x220;

const PATH_MAX = 1023;
const LIST_MAX = 4096; // arguments, environment, control groups
const NAME_MAX = 255;

/** One thread, of which `tid` and the process's entry are known. */
export function processEntry(batch: Batch, process: number, tid: number): Buffer {
  const int = (field: string): Int | null => readInt(batch.processView, process + (PROCESS_AT[field] as number));
  const bytes = (field: string) => readBytes(batch, batch.processView, process + (PROCESS_AT[field] as number));
  const flags = Number(int("exe_flags") ?? 0);
  const pid = int("pid") ?? tid;
  const flag = (bit: number) => u8((flags & bit) === 0 ? 0 : 1);
  const inside = int("vpid") ?? -1;
  return sized([
    u64(tid),
    u64(pid),
    u64(int("ppid") ?? 0),
    u64(int("sid") ?? -1),
    u64(int("pgid") ?? -1),
    text(bytes("name"), PATH_MAX),
    text(bytes("exe"), PATH_MAX),
    text(bytes("exepath"), PATH_MAX),
    list(bytes("args")),
    text(bytes("cwd"), PATH_MAX),
    u64(int("fd_limit") ?? -1),
    u32(0),
    u32(int("uid") ?? -1),
    u32(int("gid") ?? -1),
    Buffer.alloc(3 * 4 + 2 * 8), // memory and page faults
    list(bytes("env")),
    u64(pid === tid ? inside : inside === pid ? tid : -1),
    u64(inside),
    list(namedCgroup(bytes("cgroup"))),
    text(bytes("root") ?? Buffer.from("/"), PATH_MAX),
    u64(int("pidns_start") ?? 0),
    u32(int("tty") ?? 0),
    u32(int("loginuid") ?? -1),
    flag(1),
    u64(int("cap_inheritable") ?? 0),
    u64(int("cap_permitted") ?? 0),
    u64(int("cap_effective") ?? 0),
    flag(2),
    u64(int("exe_ino") ?? 0),
    u64(int("exe_ctime") ?? 0),
    u64(int("exe_mtime") ?? 0),
    flag(4),
    flag(8),
    u64(int("pgid") ?? -1),
  ]);
}

const [FILE, DIRECTORY, UNIX, OTHER] = [16, 2, 8, 10];
// By Falco's letter. Files and sockets have forms of their own.
const NAMED = new Map([
  ["d", DIRECTORY],
  ["p", 7],
  ["e", 9],
  ["o", OTHER],
  ["s", 11],
  ["l", 12],
  ["i", 13],
  ["t", 14],
  ["n", 15],
  ["b", 17],
  ["r", 19],
  ["m", 20],
]);
const PROTOCOLS = new Map([
  [6, 2],
  [17, 3],
  [1, 4],
  [255, 5],
]);

/** One open descriptor. */
export function descriptorEntry(batch: Batch, descriptor: number, fd: number): Buffer {
  const int = (field: string): Int | null =>
    readInt(batch.descriptorView, descriptor + (DESCRIPTOR_AT[field] as number));
  const bytes = (field: string) =>
    readBytes(batch, batch.descriptorView, descriptor + (DESCRIPTOR_AT[field] as number));
  const type = typeCharOf(batch, descriptor) ?? "o";
  const name = text(bytes("name"), PATH_MAX);
  const head = (kind: number) => Buffer.concat([u64(fd), u64(int("ino") ?? 0), u8(kind)]);
  const protocol = u8(PROTOCOLS.get(Number(int("l4proto") ?? 0)) ?? 0);
  if (type === "f") return sized([head(FILE), u32(0), name, u32(int("dev") ?? 0)]);
  if (type === "4" || type === "6") {
    const ends = endsOf(batch, descriptor);
    if (ends !== null) {
      const ports = Buffer.concat([u16(ends.cport), u16(ends.sport)]);
      return sized([head(ends.size === 4 ? 3 : 4), ends.cip, ends.sip, ports, protocol]);
    }
    const size = type === "4" ? 4 : 16;
    const known = bytes("sip");
    const ip = known?.length === size ? known : Buffer.alloc(size);
    return sized([head(size === 4 ? 5 : 6), ip, u16(Number(int("sport") ?? 0) & 0xffff), protocol]);
  }
  if (type === "u") {
    const ends = unixEnds(bytes("name"));
    const path = ends === null ? name : text(ends.path, PATH_MAX);
    return sized([head(UNIX), u64(ends?.source ?? 0n), u64(ends?.peer ?? 0n), path]);
  }
  return sized([head(NAMED.get(type) ?? OTHER), name]);
}

/** A line of the list of users. */
export function userEntry(uid: number, gid: number, name: Buffer, home: Buffer | null, shell: Buffer | null): Buffer {
  return sized([u8(0), u32(uid), u32(gid), text(name, NAME_MAX), text(home, NAME_MAX), text(shell, NAME_MAX)]);
}

/** Of a group. */
export function groupEntry(gid: number, name: Buffer): Buffer {
  return sized([u8(1), u32(gid), text(name, NAME_MAX)]);
}

/** Its size stands first, and counts itself. */
function sized(parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(4 + body.length), body]);
}

/** Up to its NUL, after its size. */
function text(bytes: Buffer | null, max: number): Buffer {
  if (bytes === null) return u16(0);
  const end = bytes.indexOf(0);
  const kept = bytes.subarray(0, Math.min(end < 0 ? bytes.length : end, max));
  return Buffer.concat([u16(kept.length), kept]);
}

/** Texts that each end with NUL, after the size of all; cut where there are too many. */
function list(bytes: Buffer | null): Buffer {
  const kept = endedList(bytes ?? Buffer.alloc(0), LIST_MAX);
  return Buffer.concat([u16(kept.length), kept]);
}

function u8(value: number): Buffer {
  return Buffer.of(value & 0xff);
}

function u16(value: number): Buffer {
  const out = Buffer.alloc(2);
  out.writeUInt16LE(value);
  return out;
}

function u32(value: Int): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(Number(BigInt.asUintN(32, BigInt(value))));
  return out;
}

function u64(value: Int): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return out;
}
