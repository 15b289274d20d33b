// SPDX-License-Identifier: Apache-2.0
// How a policy reads each of Falco's fields, for one type of event. A field without a row here cannot be said
// in a policy yet; one that our events cannot answer is never there. Twin of ../compile/event-source.ts and
// process-source.ts.

import type { EventType, Field } from "../../../build/generated/events.js";
import { TABLES } from "../../../build/generated/flags.js";
import { QUERY_CALLS, QUESTION_TYPES } from "../../wire/dns.js";
import { PATHS } from "../../wire/fields/fs.js";
import { isSpan } from "../../wire/layout.js";
import { PAYLOADS, READS, WRITES } from "../compile/event-source.js";
import { ERRNO_ROWS, rowsOf } from "../compile/names-source.js";
import type { NameRow } from "../compile/source.js";
import { type FieldUse, STATIC_NAME } from "../fields.js";
import { OF_ANCESTOR, OF_PARENT } from "../relatives.js";
import { type EventClass, isUnsigned, rowName } from "./sdk.js";
import { and, atom, compare, NO, not, or, refused, type Term, YES } from "./term.js";

/** Where a policy finds a field's value. `text` of a Str, an i64 or an Addr. */
export type Read =
  | { readonly kind: "text"; readonly text: string; readonly when?: Term } // there only when that holds
  | { readonly kind: "int"; readonly text: string }
  | { readonly kind: "ip"; readonly text: string }
  | { readonly kind: "fixed"; readonly value: string }
  | { readonly kind: "bool"; readonly yes: Term; readonly no: Term }
  | { readonly kind: "names"; readonly text: string; readonly of: NumberNames }
  | { readonly kind: "either"; readonly ends: readonly [Read, Read] }
  | { readonly kind: "ancestors" } // of all, by their names
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly reason: string };

/** A text that stands for a number. */
export interface NumberNames {
  readonly rows: readonly NameRow[];
  /** Whether each bit has a name. */
  readonly isBits: boolean;
  readonly zero: string | null;
  /** What every number from 0 on is called. */
  readonly positive: string | null;
  readonly isUnsigned: boolean;
  /** How the source says the number of a row. */
  said(row: NameRow): string;
}

/** A field of an event, as a rule of the class reads it. */
export function readOf(use: FieldUse, event: EventType, of: EventClass): Read {
  if (!use.isAnswered) return NONE;
  const own = EVENT_READS[use.name];
  if (own !== undefined) return own({ event, of, arg: use.index ?? "" });
  const row = ROWS[use.name];
  if (row !== undefined) return use.index === null ? row : unsaid(use);
  const parent = OF_PARENT[use.name];
  if (parent !== undefined) return ofProcess(parent, "e.proc.parent") ?? unsaid(use);
  const ancestor = OF_ANCESTOR[use.name];
  if (ancestor !== undefined) return ofAncestor(use, ancestor);
  return (use.index === null ? ofProcess(use.name, "e.proc") : null) ?? unsaid(use);
}

const GENERATIONS_MAX = 64;
const NONE: Read = { kind: "none" };
const text = (said: string): Read => ({ kind: "text", text: said });
const int = (said: string): Read => ({ kind: "int", text: said });
const ip = (said: string): Read => ({ kind: "ip", text: said });
const truth = (yes: Term, no: Term = not(yes)): Read => ({ kind: "bool", yes, no });
const unsaid = (use: { readonly text: string }): Read => ({
  kind: "refused",
  reason: `the SDK has no word for ${use.text}`,
});
const known = (said: string): Term => atom(`isKnown(${said})`);

function ofAncestor(use: FieldUse, field: string): Read {
  if (use.index === null) return field === "proc.name" ? { kind: "ancestors" } : unsaid(use);
  const level = Number(use.index);
  return level > GENERATIONS_MAX ? unsaid(use) : (ofProcess(field, `e.proc.ancestor(${level})`) ?? unsaid(use));
}

/** A field of a process, whose expression is given. */
function ofProcess(field: string, process: string): Read | null {
  const slot = PROCESS_TEXTS[field];
  if (slot !== undefined) return text(`${process}.${slot}`);
  const number = PROCESS_INTS[field];
  if (number !== undefined)
    return int(number.startsWith("<") ? `<i64>${process}.${number.slice(1)}` : `${process}.${number}`);
  const made = PROCESS_CALLS[field];
  if (made !== undefined) return text(`${made}(${process})`);
  const bits = CAPABILITIES[field];
  if (bits !== undefined) return bitNames(`${process}.${bits}`, "capabilities", "");
  return null;
}

const PROCESS_TEXTS: Readonly<Record<string, string>> = {
  "proc.name": "name",
  "proc.exe": "exe",
  "proc.exepath": "exepath",
  "thread.cgroups": "cgroup",
  "user.name": "user",
  "user.homedir": "home",
  "user.shell": "shell",
  "user.loginname": "loginname",
  "group.name": "group",
};
const PROCESS_CALLS: Readonly<Record<string, string>> = {
  "proc.cmdline": "cmdline",
  "proc.exeline": "exeline",
  "proc.args": "joinedArgs",
  "proc.env": "joinedEnv",
  "proc.cwd": "cwdWithSlash",
  "container.id": "containerId",
  "container.full_id": "containerFullId",
  "container.name": "containerName",
  "container.type": "containerType",
};
/** `<` before those that the SDK has without a sign. */
const PROCESS_INTS: Readonly<Record<string, string>> = {
  "proc.pid": "pid",
  "proc.ppid": "ppid",
  "proc.vpid": "vpid",
  "proc.sid": "sid",
  "proc.pgid": "pgid",
  "proc.vpgid": "pgid",
  "proc.tty": "<tty",
  "proc.nthreads": "<threads",
  "proc.fdlimit": "<fd_limit",
  "proc.pid.ts": "<start_time",
  "proc.exe_ino": "<exe_ino",
  "proc.exe_ino.ctime": "<exe_ctime",
  "proc.exe_ino.mtime": "<exe_mtime",
  "proc.pidns_init_start_ts": "<pidns_start",
  "container.start_ts": "<pidns_start",
  "user.uid": "uid",
  "group.gid": "gid",
};
const CAPABILITIES: Readonly<Record<string, string>> = {
  "thread.cap_permitted": "cap_permitted",
  "thread.cap_effective": "cap_effective",
  "thread.cap_inheritable": "cap_inheritable",
};

const exeFlag = (name: string): Read => {
  const yes = atom(`e.proc.${name}`);
  return truth(yes, and(known("<i64>e.proc.exe_flags"), not(yes)));
};
const leads = (group: string): Read => {
  const yes = compare("e.proc.pid", "==", `e.proc.${group}`);
  return truth(and(known("e.proc.pid"), yes), and(known("e.proc.pid"), not(yes)));
};
const fdFlag = (yes: Term): Read => truth(yes, and(atom("e.fd.exists"), not(yes)));
const local = "(e.fd.is_server ? e.fd.sip : e.fd.cip)";
const remote = "(e.fd.is_server ? e.fd.cip : e.fd.sip)";
const ips: Read = { kind: "either", ends: [ip("e.fd.cip"), ip("e.fd.sip")] };
const ports: Read = { kind: "either", ends: [int("clientPort(e.fd)"), int("serverPort(e.fd)")] };

/** The same for every type of event. */
const ROWS: Readonly<Record<string, Read>> = {
  "evt.num": int("<i64>e.evt_num"),
  "evt.rawtime": int("<i64>e.time"),
  "evt.latency": int("<i64>e.latency"),
  "evt.rawres": int("e.res"),
  "evt.failed": truth(and(known("e.res"), atom("e.failed")), not(atom("e.failed"))),
  "evt.dir": { kind: "fixed", value: "<" },
  "evt.source": { kind: "fixed", value: "syscall" },
  "evt.is_async": truth(NO),
  "evt.is_wait": truth(NO),
  "thread.tid": int("e.tid"),
  "proc.duration": int("durationOf(e.proc, e.time)"),
  "proc.ppid.duration": int("durationOf(e.proc.parent, e.time)"),
  "user.loginuid": int("loginUid(e.proc)"),
  "proc.is_exe_writable": exeFlag("is_exe_writable"),
  "proc.is_exe_upper_layer": exeFlag("is_exe_upper_layer"),
  "proc.is_exe_lower_layer": exeFlag("is_exe_lower_layer"),
  "proc.is_exe_from_memfd": exeFlag("is_exe_from_memfd"),
  "proc.is_sid_leader": leads("sid"),
  "proc.is_pgid_leader": leads("pgid"),
  "proc.is_vpgid_leader": leads("pgid"),
  "container.privileged": truth(
    atom("e.proc.container_privileged"),
    refused("the SDK has no word for a container that is known to be unprivileged"),
  ),
  "container.image": text("containerImage()"),
  "container.image.id": text("containerImageId()"),
  "container.image.repository": text("containerRepository()"),
  "container.image.tag": text("containerTag()"),
  "container.image.digest": text("containerDigest()"),
  "container.ip": text("containerIp()"),
  "fd.type": text("fdType(e.fd)"),
  "fd.typechar": text("typeChar(e.fd)"),
  "fd.name": text("e.fd.name"),
  "fd.nameraw": text("e.fd.nameraw"),
  "fd.realpath": text("e.fd.realpath"),
  "fd.directory": text("directory(e.fd)"),
  "fd.filename": text("fileName(e.fd)"),
  "fd.l4proto": text("l4proto(e.fd)"),
  "fd.sockfamily": text("sockFamily(e.fd)"),
  "fd.dev": int("<i64>e.fd.dev"),
  "fd.ino": int("<i64>e.fd.ino"),
  "fd.is_server": fdFlag(atom("e.fd.is_server")),
  "fd.connected": fdFlag(atom("e.fd.connected")),
  "fd.name_changed": fdFlag(atom("e.fd.isMarked(4)")),
  "fd.cip": ip("e.fd.cip"),
  "fd.sip": ip("e.fd.sip"),
  "fd.lip": ip(local),
  "fd.rip": ip(remote),
  "fd.cnet": ip("e.fd.cip"),
  "fd.snet": ip("e.fd.sip"),
  "fd.lnet": ip(local),
  "fd.rnet": ip(remote),
  "fd.ip": ips,
  "fd.net": ips,
  "fd.cport": int("clientPort(e.fd)"),
  "fd.sport": int("serverPort(e.fd)"),
  "fd.lport": int("localPort(e.fd)"),
  "fd.rport": int("remotePort(e.fd)"),
  "fd.port": ports,
  "fd.proto": ports,
};

interface Asked {
  readonly event: EventType;
  readonly of: EventClass;
  readonly arg: string;
}

const isOneOf =
  (names: ReadonlySet<string>) =>
  ({ event }: Asked): Read =>
    truth(names.has(event.name) ? YES : NO);

/** What the type of the event decides. */
const EVENT_READS: Readonly<Record<string, (asked: Asked) => Read>> = {
  "evt.type": ({ event }) => ({ kind: "fixed", value: event.name }),
  [STATIC_NAME]: ({ arg }) => ({ kind: "fixed", value: arg }),
  "syscall.type": ({ event }) => (event.calls[0] === undefined ? NONE : { kind: "fixed", value: event.calls[0] }),
  "evt.is_io": isOneOf(new Set([...READS, ...WRITES])),
  "evt.is_io_read": isOneOf(READS),
  "evt.is_io_write": isOneOf(WRITES),
  "evt.io_dir": ({ event: { name } }) =>
    READS.has(name) ? { kind: "fixed", value: "read" } : WRITES.has(name) ? { kind: "fixed", value: "write" } : NONE,
  "evt.res": () => ({
    kind: "names",
    text: "e.res",
    of: { ...errors(false), positive: "SUCCESS" },
  }),
  "evt.is_open_read": (asked) => opened(asked, (flags) => atom(`opensToRead(${flags})`), NO),
  "evt.is_open_write": (asked) => opened(asked, (flags) => atom(`opensToWrite(${flags})`), YES),
  "evt.is_open_create": (asked) => {
    const succeeded = not(atom("e.failed"));
    return opened(asked, (flags) => and(atom(`has(${flags}, OpenFlag.O_CREAT)`), succeeded), succeeded);
  },
  "evt.is_open_exec": (asked) => {
    const mode = paramOf(asked.event, "mode");
    if (mode === undefined) return truth(NO);
    const makes = atom(`hasAny(${asked.of.read(asked.event, mode)}, 0o111)`);
    const created = (flags: string): Term =>
      or(atom(`has(${flags}, OpenFlag.O_CREAT)`), atom(`has(${flags}, OpenFlag.O_TMPFILE)`));
    return opened(asked, (flags) => and(created(flags), makes), makes);
  },
  "fd.num": ({ event }) =>
    event.params.some((param) => param.type === "fd" && param.from !== null)
      ? int("<i64>e.fd_num")
      : int("(e.fd_num < 0 ? i64.MIN_VALUE : <i64>e.fd_num)"),
  "evt.arg": argument,
  "evt.buffer": ({ event, of }) => {
    const payload = event.params.find((param) => param.type === "bytes" && PAYLOADS.has(param.name));
    return payload === undefined ? NONE : text(of.read(event, payload));
  },
  "dns.question.name": ({ event: { name } }) => (QUERY_CALLS.has(name) ? text("questionName(e)") : NONE),
  "dns.question.type": ({ event: { name } }) =>
    QUERY_CALLS.has(name) ? { kind: "names", text: "questionType(e)", of: QUESTIONS } : NONE,
  "fs.path.name": (asked) => pathOfCall(asked, "name"),
  "fs.path.source": (asked) => pathOfCall(asked, "source"),
  "fs.path.target": (asked) => pathOfCall(asked, "target"),
};

const QUESTIONS: NumberNames = {
  rows: QUESTION_TYPES,
  isBits: false,
  zero: null,
  positive: null,
  isUnsigned: false,
  said: ({ value }) => value.toString(),
};
const OPENS = new Set(["open", "openat", "openat2", "open_by_handle_at"]);
const paramOf = (event: EventType, name: string): Field | undefined => event.params.find((one) => one.name === name);

/** fs.path.*: of a call that did not fail. */
function pathOfCall({ event, of }: Asked, which: keyof typeof PATHS): Read {
  const param = paramOf(event, PATHS[which][event.name] ?? "");
  if (param === undefined) return NONE;
  const path = isSpan(param) ? argument({ event, of, arg: param.name }) : text("e.fd.name");
  return path.kind === "text" ? { ...path, when: not(atom("e.failed")) } : path;
}

/** What is asked of the flags of an open. A creat has none, and its answer is known. */
function opened({ event, of }: Asked, ask: (flags: string) => Term, creat: Term): Read {
  const flags = paramOf(event, "flags");
  if (OPENS.has(event.name) && flags !== undefined) return truth(ask(of.read(event, flags)));
  if (event.name !== "creat") return truth(NO);
  return truth(of.name === "AnyOpen" ? ask("e.flags") : creat); // the family's flags are creat's own, too
}

/** evt.arg.NAME, or by its place. */
function argument({ event, of, arg }: Asked): Read {
  const param = /^\d+$/.test(arg) ? event.params[Number(arg)] : paramOf(event, arg);
  if (param === undefined) return NONE;
  const untold: Read = {
    kind: "refused",
    reason: `the SDK has no word for the ${param.type} evt.arg.${param.name} of ${event.name}`,
  };
  if (param.type === "path" || param.type === "relpath") return pathOf(event, param, of) ?? untold;
  if (param.type === "str") return param.from === null ? text(of.read(event, param)) : (spanFrom(param.from) ?? untold);
  const value = param.from === null ? of.read(event, param) : NUMBERS_FROM[param.from];
  if (value === undefined) return untold;
  const signed = param.from === null && isUnsigned(param) ? `<i64>${value}` : value;
  switch (param.type) {
    case "errno":
      return { kind: "names", text: value, of: errors(false) };
    case "fd":
      return {
        kind: "names",
        text: value,
        of: param.from === null ? { ...errors(false), rows: [CWD_ROW, ...ERRNO_ROWS] } : errors(false),
      };
    case "flags":
      return param.from === null ? bitNames(value, param.table!) : untold;
    case "mode":
      return param.from === null ? bitNames(value, "mode") : untold;
    case "enum":
      return { kind: "names", text: value, of: valueNames(param.table!, true) };
    case "sig":
      return { kind: "names", text: value, of: valueNames("signal", false) };
    case "uid":
      return text(`ownerName(${signed}, e.proc.uid, e.proc.user)`);
    case "gid":
      return text(`ownerName(${signed}, e.proc.gid, e.proc.group)`);
    case "pid":
    case "int":
      return { kind: "names", text: value, of: { ...errors(false), rows: [] } };
    default:
      return untold;
  }
}

const CWD_ROW: NameRow = { name: "AT_FDCWD", value: -100n, mask: -1n };
const NUMBERS_FROM: Readonly<Record<string, string>> = {
  res: "e.res",
  tid: "e.tid",
  "fd.num": "<i64>e.fd_num",
  "proc.pid": "e.proc.pid",
  "proc.ppid": "e.proc.ppid",
  "proc.vpid": "e.proc.vpid",
  "proc.pgid": "e.proc.pgid",
  "proc.vpgid": "e.proc.pgid",
  "user.uid": "e.proc.uid",
  "user.loginuid": "e.proc.loginuid",
  "group.gid": "e.proc.gid",
};

/** A parameter that is a field of the process or the descriptor. */
function spanFrom(from: string): Read | null {
  if (from === "proc.cwd") return text("e.proc.cwd"); // without Falco's slash
  return from.startsWith("fd.") ? (ROWS[from] ?? null) : ofProcess(from, "e.proc");
}

function pathOf(event: EventType, param: Field, of: EventClass): Read | null {
  if (param.from !== null || event.name === "chdir") return null;
  const path = of.read(event, param);
  const before = param.type === "relpath" ? event.params[event.params.indexOf(param) - 1] : undefined;
  if (before?.type !== "fd") return text(`pathFrom(e, ${path})`);
  return before.from === null ? text(`pathFromDirectory(e, ${of.read(event, before)}, ${path})`) : null;
}

function bitNames(value: string, table: string, zero?: string): Read {
  const rows = rowsOf(table);
  const said = (row: NameRow): string => rowName(table, row.name);
  const named = zero ?? TABLES[table]?.zero ?? null;
  return {
    kind: "names",
    text: value,
    of: { rows, isBits: true, zero: named, positive: null, isUnsigned: true, said },
  };
}

function valueNames(table: string, isUnsigned: boolean): NumberNames {
  // A name that Falco prints in two ways is one word of the SDK's.
  const said = (row: NameRow): string => `${isUnsigned ? "" : "<i64>"}${rowName(table, row.name.split("|")[0]!)}`;
  return { rows: rowsOf(table), isBits: false, zero: null, positive: null, isUnsigned, said };
}

function errors(isUnsigned: boolean): NumberNames {
  const said = (row: NameRow): string => (row.name === "AT_FDCWD" ? "-100" : `-<i64>${rowName("errno", row.name)}`);
  return { rows: ERRNO_ROWS, isBits: false, zero: null, positive: null, isUnsigned, said };
}
