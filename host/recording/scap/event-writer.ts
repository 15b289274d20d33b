// SPDX-License-Identifier: Apache-2.0
// Writes a record as an event of a capture: the twin of params.ts and batching.ts, by the same table of
// events.
//
//   u16 processor | u64 time  u64 thread  u32 size  u16 type  u32 parameters | a u16 size of each | parameters
//
// A block has at most 64 KiB. Where a record has more, its longest parameters are cut until it fits. Falco
// ends where an integer has another size than its table says: one that has no value is 0 there.
import { type EventType, type Field, HEADER_SIZE } from "../../../build/generated/events.js";
import type { Batch } from "../../wire/batch.js";
import { typeCharOf } from "../../wire/descriptor.js";
import { DESCRIPTOR_AT, PROCESS_AT } from "../../wire/layout.js";
import { descriptorAt, eventOf, fdOf, processAt, resultOf, tidOf } from "../../wire/record.js";
import { type Int, readBytes, readInt } from "../../wire/slot.js";
import { CODES, GENERIC_CODE, type ParamKind, SCAP_EVENTS } from "./event-table.js";
import { GENERIC_OF_NAME } from "./generic-calls.js";
import { CONVERT_BACK } from "./numbers.js";
import { packedSockaddr, packedTuple } from "./sockets.js";

/** The most bytes of a block's body that older readers take, too. */
const BODY_MAX = 65_520;
const HEAD = 2 + 26;
const EMPTY = Buffer.alloc(0);

type IntSource = (batch: Batch, at: number) => Int | null;
type BytesSource = (batch: Batch, at: number) => Buffer | null;

/** One parameter: what it is in the file, and where the record has it. */
interface ParamPlan {
  readonly kind: ParamKind;
  readonly int: IntSource;
  readonly bytes: BytesSource;
}

/** One event of the file. */
interface Plan {
  readonly code: number;
  readonly params: readonly ParamPlan[];
}

/** Why a record has no event in a capture. */
export type Untold = "ours" | "unfinished";

/** Writes one event after another into the same memory. */
export class EventWriter {
  /** Parameters that were cut so that their event fits into a block. */
  cut = 0;
  readonly #data = Buffer.alloc(BODY_MAX);
  readonly #values: Buffer[] = [];

  /** A block's body, which the next call writes over; or why there is none. */
  write(batch: Batch, at: number): Buffer | Untold {
    const plans = plansOf(eventOf(batch, at));
    if (plans === null) return "ours";
    if (resultOf(batch, at) === null) return "unfinished";
    return this.#event(plans.told, batch, at);
  }

  /** The entry of a call whose return does not hold all; null: there is no need. */
  writeEntry(batch: Batch, at: number): Buffer | null {
    const plans = plansOf(eventOf(batch, at));
    return plans?.entry == null || resultOf(batch, at) === null ? null : this.#event(plans.entry, batch, at);
  }

  #event({ code, params }: Plan, batch: Batch, at: number): Buffer {
    const values = this.#values;
    const head = HEAD + 2 * params.length;
    let size = head;
    for (const [i, param] of params.entries()) {
      const value = bytesFor(param, batch, at);
      values[i] = value;
      size += value.length;
    }
    if (size > BODY_MAX) size = this.#cut(params, size);
    const data = this.#data;
    data.writeUInt16LE(0, 0);
    data.writeUInt32LE(batch.recordView.getUint32(at + 8, true), 2);
    data.writeUInt32LE(batch.recordView.getUint32(at + 12, true), 6);
    data.writeUInt32LE(tidOf(batch, at), 10);
    data.writeUInt32LE(0, 14);
    data.writeUInt32LE(size - 2, 18);
    data.writeUInt16LE(code, 22);
    data.writeUInt32LE(params.length, 24);
    let to = head;
    for (let i = 0; i < params.length; i++) {
      const value = values[i]!;
      data.writeUInt16LE(value.length, HEAD + 2 * i);
      to += value.copy(data, to);
    }
    return data.subarray(0, size);
  }

  /** Cuts the longest ones to one length; a text or list still ends with NUL. Gives the new size. */
  #cut(params: readonly ParamPlan[], size: number): number {
    const values = this.#values;
    let [most, left] = [0, size];
    for (let i = 0; i < params.length; i++) most = Math.max(most, values[i]!.length);
    while (left > BODY_MAX) {
      const longer = params.filter((_, i) => values[i]!.length >= most).length || 1;
      most -= Math.max(1, Math.floor((left - BODY_MAX) / longer));
      left = size;
      for (let i = 0; i < params.length; i++) left -= Math.max(0, values[i]!.length - most);
    }
    for (const [i, { kind }] of params.entries()) {
      const value = values[i]!;
      if (value.length <= most) continue;
      const cut = Buffer.from(value.subarray(0, most));
      if (kind === "text" || kind === "list") cut[most - 1] = 0;
      values[i] = cut;
      this.cut++;
    }
    return left;
  }
}

// Each integer is copied before the next event is written.
const INTEGERS = Array.from({ length: 64 }, () => Buffer.alloc(8));
let next = 0;

function bytesFor({ kind, int, bytes }: ParamPlan, batch: Batch, at: number): Buffer {
  const size = SIZES[kind];
  if (size === undefined) return bytes(batch, at) ?? EMPTY;
  next = (next + 1) % INTEGERS.length;
  const data = INTEGERS[next]!;
  putInteger(data, int(batch, at) ?? 0);
  return size === 8 ? data : data.subarray(0, size);
}

function putInteger(data: Buffer, value: Int): void {
  if (typeof value === "number") {
    data.writeInt32LE(value | 0, 0);
    data.writeInt32LE(Math.floor(value / 2 ** 32) | 0, 4);
  } else data.writeBigInt64LE(BigInt.asIntN(64, value), 0);
}

const SIZES: Readonly<Partial<Record<ParamKind, number>>> = { i32: 4, i64: 8, u8: 1, u16: 2, u32: 4, u64: 8 };

interface Plans {
  readonly told: Plan;
  readonly entry: Plan | null;
}

const PLANS = new Map<EventType, Plans | null>();

function plansOf(type: EventType): Plans | null {
  let plans = PLANS.get(type);
  if (plans === undefined) {
    plans = makePlans(type);
    PLANS.set(type, plans);
  }
  return plans;
}

// Its return does not say which file it was to execute.
const WITH_ENTRY = new Set(["execveat"]);

function makePlans(type: EventType): Plans | null {
  const code = CODES.get(type.name);
  if (code === undefined) {
    const call = GENERIC_OF_NAME.get(type.name);
    if (call === undefined) return null; // one of our own
    const constant = (value: number): ParamPlan => ({ kind: "u16", int: () => value, bytes: () => null });
    return { told: { code: GENERIC_CODE + 1, params: [constant(call.id), constant(call.native)] }, entry: null };
  }
  const event = SCAP_EVENTS.get(code)!;
  const plan = (names: readonly string[], kinds: readonly ParamKind[]) =>
    names.map((name, i) => paramPlan(type, name, kinds[i]!));
  const entry = { code, params: plan(event.entry, event.entryKinds) };
  if (event.isEntryTold) return { told: entry, entry: null };
  const told = { code: code + 1, params: plan(event.exit, event.exitKinds) };
  return { told, entry: WITH_ENTRY.has(type.name) ? entry : null };
}

function paramPlan(type: EventType, name: string, kind: ParamKind): ParamPlan {
  const own = OWN[`${type.name}.${name}`] ?? OWN[name];
  const param = type.params.find((one) => one.name === name);
  const int = own?.int ?? intOf(param);
  const raw = own?.bytes ?? bytesOf(param);
  return { kind, int, bytes: formed(kind, type, name, int, raw) };
}

// As the file has it.
function formed(kind: ParamKind, type: EventType, name: string, int: IntSource, raw: BytesSource): BytesSource {
  if (kind === "text") return (batch, at) => textOf(raw(batch, at));
  if (kind === "list") return (batch, at) => endedList(raw(batch, at) ?? EMPTY);
  if (kind === "sockaddr") return (batch, at) => packedSockaddr(raw(batch, at));
  if (kind === "tuple") return (batch, at) => packedTuple(batch, descriptorAt(batch, at));
  if (kind !== "dynamic") return raw;
  const isBytes = type.params.find((one) => one.name === name)?.type === "bytes";
  if (isBytes) return (batch, at) => tagged(DYNAMIC_BYTES, raw(batch, at) ?? EMPTY);
  const tag = type.name === "getsockopt" ? DYNAMIC_ERRNO : DYNAMIC_U64;
  return (batch, at) => {
    const value = Buffer.alloc(8);
    putInteger(value, int(batch, at) ?? 0);
    return tagged(tag, value);
  };
}

// How what follows is to be read: of getsockopt and setsockopt, and of ptrace.
const DYNAMIC_BYTES = 0;
const DYNAMIC_ERRNO = 1;
const DYNAMIC_U64 = 0;

const tagged = (tag: number, value: Buffer): Buffer => Buffer.concat([Buffer.of(tag), value]);

const NUL = Buffer.of(0);

/** Up to its NUL, and with one. */
function textOf(bytes: Buffer | null): Buffer | null {
  if (bytes === null) return null;
  const end = bytes.indexOf(0);
  return Buffer.concat([end < 0 ? bytes : bytes.subarray(0, end), NUL]);
}

/**
 * A list of texts within `max` bytes whose last one ends with NUL, too: else a reader that looks for it goes
 * beyond the list. What the kernel gave of a process may have been cut anywhere.
 */
export function endedList(bytes: Buffer, max = Number.POSITIVE_INFINITY): Buffer {
  if (bytes.length === 0 || (bytes.length <= max && bytes.at(-1) === 0)) return bytes;
  return Buffer.concat([bytes.subarray(0, Math.min(bytes.length, max - 1)), NUL]);
}

function intOf(param: Field | undefined): IntSource {
  if (param === undefined) return () => null;
  const { from, slot } = param;
  const read = slot >= 0 ? inRecord(slot) : from === null ? () => null : INT_FROM[from];
  if (read === undefined) throw new Error(`no source ${from}`);
  const convert = CONVERT_BACK[param.table ?? ""];
  if (convert === undefined) return read;
  return (batch, at) => {
    const value = read(batch, at);
    return value === null ? null : convert(Number(BigInt.asUintN(32, BigInt(value))));
  };
}

const inRecord =
  (slot: number): IntSource =>
  (batch, at) =>
    readInt(batch.recordView, at + HEADER_SIZE + 8 * slot);

function bytesOf(param: Field | undefined): BytesSource {
  if (param === undefined) return () => null;
  const { from, slot } = param;
  if (slot >= 0) return (batch, at) => readBytes(batch, batch.recordView, at + HEADER_SIZE + 8 * slot);
  return BYTES_FROM[from ?? ""] ?? (() => null);
}

const ofProcess = (field: string): IntSource => {
  const offset = PROCESS_AT[field] as number;
  return (batch, at) => {
    const process = processAt(batch, at);
    return process < 0 ? null : readInt(batch.processView, process + offset);
  };
};
const textOfProcess = (field: string): BytesSource => {
  const offset = PROCESS_AT[field] as number;
  return (batch, at) => {
    const process = processAt(batch, at);
    return process < 0 ? null : readBytes(batch, batch.processView, process + offset);
  };
};
const ofDescriptor = (field: string): IntSource => {
  const offset = DESCRIPTOR_AT[field] as number;
  return (batch, at) => {
    const descriptor = descriptorAt(batch, at);
    return descriptor < 0 ? null : readInt(batch.descriptorView, descriptor + offset);
  };
};

/** By what events.yaml says where a parameter comes from. */
const INT_FROM: Readonly<Record<string, IntSource>> = {
  res: resultOf,
  tid: tidOf,
  "fd.num": fdOf,
  "fd.dev": ofDescriptor("dev"),
  "fd.ino": ofDescriptor("ino"),
  "fd.name": () => null,
  "fd.realpath": () => null,
  "proc.exe": () => null,
  "proc.args": () => null,
  "proc.cwd": () => null,
  "proc.name": () => null,
  "proc.env": () => null,
  "proc.exepath": () => null,
  "thread.cgroups": () => null,
  "proc.pid": ofProcess("pid"),
  "proc.ppid": ofProcess("ppid"),
  "proc.vpid": ofProcess("vpid"),
  "proc.pgid": ofProcess("pgid"),
  "proc.vpgid": ofProcess("pgid"),
  "proc.fdlimit": ofProcess("fd_limit"),
  "proc.tty": ofProcess("tty"),
  "proc.exe_flags": ofProcess("exe_flags"),
  "proc.exe_ino": ofProcess("exe_ino"),
  "proc.exe_ino.ctime": ofProcess("exe_ctime"),
  "proc.exe_ino.mtime": ofProcess("exe_mtime"),
  "user.uid": ofProcess("uid"),
  "user.loginuid": ofProcess("loginuid"),
  "group.gid": ofProcess("gid"),
  "thread.cap_inheritable": ofProcess("cap_inheritable"),
  "thread.cap_permitted": ofProcess("cap_permitted"),
  "thread.cap_effective": ofProcess("cap_effective"),
};
const BYTES_FROM: Readonly<Record<string, BytesSource>> = {
  "proc.exe": textOfProcess("exe"),
  "proc.args": textOfProcess("args"),
  "proc.cwd": textOfProcess("cwd"),
  "proc.name": textOfProcess("name"),
  "proc.env": textOfProcess("env"),
  "proc.exepath": textOfProcess("exepath"),
  "thread.cgroups": (batch, at) => namedCgroup(textOfProcess("cgroup")(batch, at)),
  "fd.realpath": (batch, at) => {
    const descriptor = descriptorAt(batch, at);
    return descriptor < 0
      ? null
      : readBytes(batch, batch.descriptorView, descriptor + (DESCRIPTOR_AT.realpath as number));
  },
};

/** As Falco has them: `subsystem=path`. We know one path, and not of which. */
export function namedCgroup(path: Buffer | null): Buffer | null {
  return path === null ? null : Buffer.concat([Buffer.from("memory="), path, NUL]);
}

/** Parameters that our events do not have, or have otherwise. */
const OWN: Readonly<Record<string, { readonly int?: IntSource; readonly bytes?: BytesSource }>> = {
  pidns_init_start_ts: { int: ofProcess("pidns_start") },
  vtid: { int: threadInside },
  "execve.exe": { bytes: (batch, at) => executed(batch, at).exe },
  "execve.args": { bytes: (batch, at) => executed(batch, at).args },
  "execveat.exe": { bytes: (batch, at) => executed(batch, at).exe },
  "execveat.args": { bytes: (batch, at) => executed(batch, at).args },
};

const [VPID, PID] = [ofProcess("vpid"), ofProcess("pid")];

/** Of a thread that is not its process's first, only the number outside is known. */
function threadInside(batch: Batch, at: number): Int | null {
  const [inside, outside, tid] = [VPID(batch, at), PID(batch, at), tidOf(batch, at)];
  return outside === tid ? inside : inside === outside ? tid : null;
}

const [EXE, ARGS] = [textOfProcess("exe"), textOfProcess("args")];

/** A call that failed has what it was asked for: the process is still the one before. */
function executed(batch: Batch, at: number): { exe: Buffer | null; args: Buffer | null } {
  const slot = eventOf(batch, at).params.find(({ name }) => name === "argv")!.slot;
  const argv = (resultOf(batch, at) ?? 0) < 0 ? readBytes(batch, batch.recordView, at + HEADER_SIZE + 8 * slot) : null;
  if (argv === null) return { exe: EXE(batch, at), args: ARGS(batch, at) };
  const end = argv.indexOf(0);
  return end < 0 ? { exe: argv, args: EMPTY } : { exe: argv.subarray(0, end), args: argv.subarray(end + 1) };
}

/** Whether a descriptor's entry is worth telling: somebody knows what it is. */
export function isKnown(batch: Batch, descriptor: number): boolean {
  return descriptor >= 0 && typeCharOf(batch, descriptor) !== null;
}
