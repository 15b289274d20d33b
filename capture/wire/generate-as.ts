// SPDX-License-Identifier: Apache-2.0
// AssemblyScript from the contract: for each event a class of accessors over its record, the same for entries
// of the process and descriptor tables, and the names of flags. They are loads from an address and nothing
// else: `@unmanaged` classes have no header, and `@inline` getters leave no call. rules-wasm/ imports them as
// "./generated/...": they stand in a folder of that name, so that an editor can lay the two trees over each
// other.
//
//   export class Openat extends Event {
//     @inline get dirfd(): i64 { return load<i64>(changetype<usize>(this), 48); }
//     @inline get name(): Str { return changetype<Str>(changetype<usize>(this) + 56); }
import { type EventType, type Field, isSpan, type Model } from "./model.js";

const HEAD = "// Generated from capture/wire; do not edit.\n";
const HEADER_SIZE = 48;
const NULL = "0xffffffff";

/** Members of the SDK's Event class: a parameter of the same name becomes `arg_NAME`. */
const TAKEN = new Set(["evt_type", "evt_num", "time", "tid", "res", "latency", "fd", "proc", "failed", "tier"]);

/**
 * Classes that stand for several events: what they share has one accessor. `absent` is read where a member
 * lacks it.
 */
const FAMILIES: Record<string, { doc: string; members: string[]; absent?: Record<string, string> }> = {
  AnyExec: { doc: "a program was executed", members: ["execve", "execveat"] },
  AnyOpen: {
    doc: "a file was opened",
    members: ["open", "openat", "openat2", "creat", "open_by_handle_at"],
    absent: { flags: "0x241 /* creat: O_CREAT|O_WRONLY|O_TRUNC */", mode: "0" },
  },
  AnyFork: { doc: "a process was made", members: ["clone", "clone3", "fork", "vfork"] },
  AnyRead: { doc: "bytes were read from a descriptor", members: ["read", "pread", "readv", "preadv", "preadv2"] },
  AnyWrite: {
    doc: "bytes were written to a descriptor",
    members: ["write", "pwrite", "writev", "pwritev", "pwritev2"],
  },
  AnySend: { doc: "bytes were sent", members: ["sendto", "sendmsg", "sendmmsg"] },
  AnyReceive: { doc: "bytes were received", members: ["recvfrom", "recvmsg", "recvmmsg"] },
  AnyAccept: { doc: "a connection was accepted", members: ["accept", "accept4"] },
  AnyTransfer: {
    doc: "bytes were moved, or what they are moved by was begun or ended",
    members: [
      ...["accept", "accept4", "connect", "read", "pread", "readv", "preadv", "preadv2", "recvfrom", "recvmsg"],
      ...["recvmmsg", "write", "pwrite", "writev", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg"],
      ...["sendfile", "shutdown", "close", "tls_read", "tls_write"],
    ],
  },
  AnyPlaintext: { doc: "a TLS library told what it gave or took", members: ["tls_read", "tls_write"] },
  AnyKill: {
    doc: "a signal was sent",
    members: ["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"],
  },
  AnyRename: { doc: "a file was renamed", members: ["rename", "renameat", "renameat2"] },
  AnyUnlink: { doc: "a name was removed", members: ["unlink", "unlinkat", "rmdir"] },
  AnyLink: { doc: "a hard link was made", members: ["link", "linkat"] },
  AnySymlink: { doc: "a symbolic link was made", members: ["symlink", "symlinkat"] },
  AnyMkdir: { doc: "a directory was made", members: ["mkdir", "mkdirat"] },
  AnyChmod: { doc: "a file's mode was changed", members: ["chmod", "fchmod", "fchmodat", "fchmodat2"] },
  AnyChown: { doc: "a file's owner was changed", members: ["chown", "lchown", "fchown", "fchownat"] },
  AnySetuid: { doc: "user ids were set", members: ["setuid", "setreuid", "setresuid", "setfsuid"] },
  AnySetgid: { doc: "group ids were set", members: ["setgid", "setregid", "setresgid", "setfsgid"] },
  AnyModule: { doc: "a kernel module was loaded", members: ["init_module", "finit_module"] },
  AnyDup: { doc: "a descriptor was duplicated", members: ["dup", "dup2", "dup3"] },
};

/** The files under build/generated/. */
export function emitAssemblyScript(model: Model): Record<string, string> {
  return {
    "as/generated/events.ts": emitEvents(model),
    "as/generated/process.ts": emitTable("ProcessFields", "process", model.process),
    "as/generated/descriptor.ts": emitTable("DescriptorFields", "descriptor", model.descriptor),
    "as/generated/flags.ts": emitFlags(model),
    "as/generated/contract.ts": `${HEAD}
export const MINOR: i32 = ${model.minor};
export const PROCESS_SIZE: usize = ${model.process.length * 8};
export const DESCRIPTOR_SIZE: usize = ${model.descriptor.length * 8};
/** Where a process's \`clone_seen\` stands: the getter does not tell one that is absent from false. */
export const CLONE_SEEN_AT: usize = ${slotOf(model.process, "clone_seen") * 8};
`,
    "as/classes.json": `${JSON.stringify(classes(model), null, 1)}\n`,
  };
}

/** For the compiler's transform: which events a class stands for, and the layout they belong to. */
function classes(model: Model): object {
  const own = model.events.map((event) => [className(event.name), [event.name]]);
  const families = Object.entries(FAMILIES).map(([name, family]) => [name, family.members]);
  return {
    schema: model.schema.toString(16).padStart(16, "0"),
    minor: model.minor,
    ids: Object.fromEntries(model.events.map((event) => [event.name, event.id])),
    classes: Object.fromEntries([...own, ...families]),
  };
}

function emitEvents(model: Model): string {
  const byName = new Map(model.events.map((event) => [event.name, event]));
  const families = Object.entries(FAMILIES).map(([name, family]) => {
    const members = family.members.map((member) => {
      const event = byName.get(member);
      if (event === undefined) throw new Error(`generate-as.ts: ${name} names the unknown event ${member}`);
      return event;
    });
    return emitClass(name, `${family.doc}: ${family.members.join(", ")}`, familyGetters(members, family.absent ?? {}));
  });
  return `${HEAD}
import { Event } from "../event";
import { Sockaddr } from "../sockaddr";
import { Str } from "../str";
import { StrList } from "../str-list";

/** Event types by Falco's name. */
export namespace EventId {
${model.events.map((event) => `  export const ${identifier(event.name)}: u32 = ${event.id};`).join("\n")}
}
${model.events
  .map((event) =>
    emitClass(
      className(event.name),
      event.doc,
      event.params.filter((param) => param.slot >= 0).map((param) => getter(memberName(param), param, at(param))),
    ),
  )
  .join("")}${families.join("")}`;
}

function emitClass(name: string, doc: string, getters: string[]): string {
  return `
/** ${doc} */
// @ts-ignore: decorator
@unmanaged
export class ${name} extends Event {
${getters.join("\n")}${getters.length > 0 ? "\n" : ""}}
`;
}

/**
 * What all members have (or `absent` fills in), of one type: one load where the slot is the same, else by
 * event type.
 */
function familyGetters(members: EventType[], absent: Record<string, string>): string[] {
  const names = new Set(members.flatMap((member) => member.params.map((param) => param.name)));
  return [...names].flatMap((name) => {
    const found = members.map((member) => member.params.find((param) => param.name === name && param.slot >= 0));
    const having = found.filter((param) => param !== undefined);
    const first = having[0];
    if (first === undefined || having.some((param) => resultOf(param) !== resultOf(first))) return [];
    if (having.length < members.length && !(name in absent)) return [];
    if (having.length === members.length && having.every((param) => param.slot === first.slot)) {
      return [getter(memberName(first), first, at(first))];
    }
    const cases = members.map((member, i) => {
      const param = found[i];
      return `      case ${member.id}: return ${param === undefined ? absent[name] : read(param, at(param))};`;
    });
    return [
      `  /** ${docOf(first)} */
  get ${memberName(first)}(): ${resultOf(first)} {
    switch (this.evt_type) {
${cases.join("\n")}
      default: return ${isSpan(first.type) ? read(first, at(first)) : "0"};
    }
  }`,
    ];
  });
}

function emitTable(name: string, what: string, fields: readonly Field[]): string {
  const offset = (field: Field) => field.slot * 8;
  const nulls = fields.filter((field) => isSpan(field.type) || field.type === "process" || field.type === "descriptor");
  const span = new Set(nulls);
  return `${HEAD}
import { Addr } from "../addr";
import { Descriptor } from "../descriptor";
import { Process } from "../process";
import { Str } from "../str";
import { StrList } from "../str-list";
import { descriptorAt, processAt } from "../wire/frame";

/** An entry of the ${what} table. */
// @ts-ignore: decorator
@unmanaged
export class ${name} {
${fields.map((field) => getter(field.name, field, offset(field))).join("\n")}
}

/** Writes the entry that stands for "no ${what}" at \`to\`. */
export function fillNo${what.charAt(0).toUpperCase()}${what.slice(1)}(to: usize): void {
${fields.map((field) => `  store<i64>(to, ${span.has(field) ? NULL : "i64.MIN_VALUE"}, ${offset(field)});`).join("\n")}
}
`;
}

function emitFlags(model: Model): string {
  const tables = model.tables.map((table) => {
    const rows = table.rows.flatMap((row) => {
      const value = BigInt.asUintN(64, row.value);
      const line = `  export const ${identifier(row.name)}: u64 = 0x${value.toString(16)};`;
      return table.kind === "flags" && row.mask !== row.value
        ? [line, `  export const ${identifier(row.name)}_MASK: u64 = 0x${row.mask.toString(16)};`]
        : [line];
    });
    return `export namespace ${tableName(table, model)} {\n${rows.join("\n")}\n}\n`;
  });
  return `${HEAD}
${tables.join("\n")}`;
}

function getter(name: string, field: Field, offset: number): string {
  return `  /** ${docOf(field)} */
  // @ts-ignore: decorator
  @inline get ${name}(): ${resultOf(field)} { return ${read(field, offset)}; }`;
}

function read(field: Field, offset: number): string {
  const result = resultOf(field);
  const load = (type: string) => `load<${type}>(changetype<usize>(this), ${offset})`;
  if (isSpan(field.type)) return `changetype<${result}>(changetype<usize>(this) + ${offset})`;
  if (result === "bool") return `${load("i64")} == 1`;
  if (result === "Process") return `changetype<Process>(processAt(${load("u64")}))`;
  if (result === "Descriptor") return `changetype<Descriptor>(descriptorAt(${load("u64")}))`;
  return load(result);
}

const RESULTS: Record<string, string> = {
  path: "Str",
  relpath: "Str",
  str: "Str",
  bytes: "Str",
  strlist: "StrList",
  sockaddr: "Sockaddr",
  addr: "Addr",
  uint: "u64",
  hex: "u64",
  mode: "u64",
  flags: "u64",
  enum: "u64",
  time: "u64",
  int: "i64",
  fd: "i64",
  pid: "i64",
  uid: "i64",
  gid: "i64",
  errno: "i64",
  sig: "i64",
  bool: "bool",
  process: "Process",
  descriptor: "Descriptor",
};

function resultOf(field: Field): string {
  const result = RESULTS[field.type];
  if (result === undefined) throw new Error(`generate-as.ts: no AssemblyScript type for ${field.type}`);
  return result;
}

function docOf(field: Field): string {
  const type = field.table === null ? field.type : `${field.type} ${field.table}`;
  return field.doc === "" ? type : `${type}: ${field.doc}`;
}

function slotOf(fields: readonly Field[], name: string): number {
  const field = fields.find((one) => one.name === name);
  if (field === undefined) throw new Error(`generate-as.ts: no table has ${name}`);
  return field.slot;
}

function at(field: Field): number {
  return HEADER_SIZE + field.slot * 8;
}

function memberName(field: Field): string {
  return TAKEN.has(field.name) ? `arg_${field.name}` : field.name;
}

/** `process_vm_readv` → `ProcessVmReadv`, `vedette.notice` → `VedetteNotice`. */
function className(name: string): string {
  return name
    .split(/[_.]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

/** `open` → `OpenFlag`, `signal` → `Signal`; an enum that has an event's name gets `Enum` behind it. */
function tableName(table: Model["tables"][number], model: Model): string {
  const name = className(table.name);
  if (table.kind === "flags") return `${name}Flag`;
  return model.events.some((event) => event.name === table.name) ? `${name}Enum` : name;
}

function identifier(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, "_");
}
