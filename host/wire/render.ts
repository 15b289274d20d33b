// SPDX-License-Identifier: Apache-2.0
// A parameter as text: the value of evt.arg.NAME. docs/wire.md lists the types and their forms. The forms are
// Falco's (libsinsp, sinsp_evt::get_param_as_str), so that conditions and outputs written for Falco mean the
// same here.
import type { EventType, Field } from "../../build/generated/events.js";
import { HEADER_SIZE } from "../../build/generated/events.js";
import { addressText, sockaddrText } from "./address.js";
import type { Batch } from "./batch.js";
import { descriptorInt, descriptorText, nameOf } from "./descriptor.js";
import { DESCRIPTOR_AT, isSpan, PROCESS_AT } from "./layout.js";
import { errnoName, nameOfValue, namesOf } from "./names.js";
import { joinPath } from "./path.js";
import { processInt, processList, processText } from "./process.js";
import { descriptorAt, fdOf, processAt, resultOf, tidOf } from "./record.js";
import { type Int, readBytes, readInt, readList, readText } from "./slot.js";
import type { Value } from "./value.js";

/** Gives one parameter of the record at byte `at` as evt.arg.NAME shows it; null where it has no value. */
export type ParamText = (batch: Batch, at: number) => string | null;
/** Gives one parameter of the record at byte `at` as a condition compares it. */
export type ParamValue = (batch: Batch, at: number) => Value;

const AT_FDCWD = -100;
const NOBODY = 0xffffffff;

/** evt.arg.NAME. */
export function paramText(event: EventType, param: Field): ParamText {
  if (param.name === "mode" && param.type === "uint") return intText(param, octal);
  const special = TEXTS[param.type];
  if (special !== undefined) return special(param, event);
  if (isSpan(param)) return spanText(param);
  return intText(param, (value) => intAs(param, value));
}

/** evt.rawarg.NAME: the number where there is one, else the text. */
export function paramValue(event: EventType, param: Field): ParamValue {
  if (isSpan(param) || param.type === "tuple") return paramText(event, param);
  return paramInt(param);
}

/** The number behind a parameter, wherever events.yaml takes it from. */
export function paramInt(param: Field): (batch: Batch, at: number) => Int | null {
  if (param.from === null) {
    const slot = HEADER_SIZE + 8 * param.slot;
    return (batch, at) => readInt(batch.recordView, at + slot);
  }
  const source = INTS[param.from];
  if (source === undefined) throw new Error(`events.yaml takes ${param.name} from ${param.from}, which is no number`);
  return source;
}

/** The bytes of a parameter of type `bytes`, as passed. */
export function paramBytes(param: Field): (batch: Batch, at: number) => Buffer | null {
  const slot = HEADER_SIZE + 8 * param.slot;
  return (batch, at) => readBytes(batch, batch.recordView, at + slot);
}

/** How bytes are shown: as Falco prints them, or in base64 (RFC 4648, 4). */
export type BytesForm = "text" | "base64";

const FORMS: Readonly<Record<BytesForm, (bytes: Uint8Array) => string>> = {
  text: printable,
  base64: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64"),
};
let form: BytesForm = "text";

/** Runs `show`; what it shows of bytes is in that form. */
export function showing<T>(bytes: BytesForm, show: () => T): T {
  const before = form;
  form = bytes;
  try {
    return show();
  } finally {
    form = before;
  }
}

/** In the form that is asked for just now. */
export const bytesText = (bytes: Uint8Array): string => FORMS[form](bytes);

/** What cannot be printed is a dot. */
function printable(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
  }
  return text;
}

/** Types whose text is more than a function of one number. */
const TEXTS: Readonly<Record<string, (param: Field, event: EventType) => ParamText>> = {
  path: (param, event) => (event.name === "chdir" ? newDirectory(param) : pathText(param, undefined)),
  relpath: (param, event) => pathText(param, event.params[event.params.indexOf(param) - 1]),
  uid: (param) => ownerText(param, PROCESS_AT.uid as number, PROCESS_AT.user as number),
  gid: (param) => ownerText(param, PROCESS_AT.gid as number, PROCESS_AT.group as number),
  tuple: () => (batch, at) => nameOf(batch, descriptorAt(batch, at)),
};

function intAs(param: Field, value: Int): string {
  switch (param.type) {
    case "hex":
      return `0x${(value < 0 ? BigInt.asUintN(64, BigInt(value)) : value).toString(16)}`;
    case "uint":
      return (value < 0 ? BigInt.asUintN(64, BigInt(value)) : value).toString();
    case "fd":
      if (value === AT_FDCWD && param.from === null) return "AT_FDCWD";
      return value < 0 ? (errnoName(Number(value)) ?? value.toString()) : value.toString();
    case "errno":
      return value < 0 ? (errnoName(Number(value)) ?? value.toString()) : value.toString();
    case "sig":
      return nameOfValue("signal", value);
    case "mode":
      return namesOf("mode", value);
    case "flags":
      return namesOf(param.table as string, value);
    case "enum":
      return nameOfValue(param.table as string, value);
    case "bool":
      return value === 0 ? "false" : "true";
    default:
      return value.toString();
  }
}

function intText(param: Field, text: (value: Int) => string): ParamText {
  const get = paramInt(param);
  return (batch, at) => {
    const value = get(batch, at);
    return value === null ? null : text(value);
  };
}

function spanText(param: Field): ParamText {
  if (param.from !== null) {
    const source = SPANS[param.from];
    if (source === undefined) throw new Error(`events.yaml takes ${param.name} from ${param.from}, which is no text`);
    return source;
  }
  const slot = HEADER_SIZE + 8 * param.slot;
  if (param.type === "strlist") return (batch, at) => readList(batch, batch.recordView, at + slot)?.join(" ") ?? null;
  if (param.type === "str") return (batch, at) => readText(batch, batch.recordView, at + slot);
  const text = param.type === "bytes" ? bytesText : param.type === "sockaddr" ? sockaddrText : addressText;
  return (batch, at) => {
    const bytes = readBytes(batch, batch.recordView, at + slot);
    return bytes === null ? null : text(bytes);
  };
}

/** Joined with the working directory, or with what `dirfd` names when the record tells it. */
function pathText(param: Field, dirfd: Field | undefined): ParamText {
  const slot = HEADER_SIZE + 8 * param.slot;
  const directory = dirfd?.type === "fd" ? paramInt(dirfd) : undefined;
  return (batch, at) => {
    const path = readText(batch, batch.recordView, at + slot);
    if (path === null || path === "" || path.startsWith("/")) return path;
    const fd = directory?.(batch, at) ?? AT_FDCWD;
    if (fd === AT_FDCWD) return joinPath(processText(batch, processAt(batch, at), PROCESS_AT.cwd as number), path);
    return joinedByAgent(batch, at, path, Number(fd)) ?? path;
  };
}

/** A chdir's process stands in the new directory already: joining the path with that again would be wrong. */
function newDirectory(param: Field): ParamText {
  const passed = pathText(param, undefined);
  const slot = HEADER_SIZE + 8 * param.slot;
  return (batch, at) => {
    if (resultOf(batch, at) !== 0 || readText(batch, batch.recordView, at + slot)?.startsWith("/"))
      return passed(batch, at);
    return processText(batch, processAt(batch, at), PROCESS_AT.cwd as number) ?? passed(batch, at);
  };
}

/**
 * The agent joins with a directory descriptor itself, into the descriptor's name, when that is what the
 * record is about.
 */
function joinedByAgent(batch: Batch, at: number, path: string, dirfd: number): string | null {
  const descriptor = descriptorAt(batch, at);
  if (descriptorText(batch, descriptor, DESCRIPTOR_AT.nameraw as number) === path) return nameOf(batch, descriptor);
  return fdOf(batch, at) === dirfd ? joinPath(nameOf(batch, descriptor), path) : null;
}

/**
 * The name when it is the process's own id (the only one whose name is known) or root's, else the number;
 * Falco's <NONE> for -1.
 */
function ownerText(param: Field, id: number, name: number): ParamText {
  const get = paramInt(param);
  return (batch, at) => {
    const value = get(batch, at);
    if (value === null) return null;
    if (value === -1 || value === NOBODY) return "<NONE>";
    const process = processAt(batch, at);
    if (value === processInt(batch, process, id)) return processText(batch, process, name) ?? value.toString();
    return value === 0 ? "root" : value.toString();
  };
}

const octal = (value: Int): string => (value === 0 ? "0" : `0${value.toString(8)}`);

const ofProcess = (field: string) => {
  const offset = PROCESS_AT[field] as number;
  return (batch: Batch, at: number) => processInt(batch, processAt(batch, at), offset);
};
const ofDescriptor = (field: string) => {
  const offset = DESCRIPTOR_AT[field] as number;
  return (batch: Batch, at: number) => descriptorInt(batch, descriptorAt(batch, at), offset);
};
const textOfProcess = (field: string): ParamText => {
  const offset = PROCESS_AT[field] as number;
  return (batch, at) => processText(batch, processAt(batch, at), offset);
};
const listOfProcess = (field: string): ParamText => {
  const offset = PROCESS_AT[field] as number;
  return (batch, at) => processList(batch, processAt(batch, at), offset)?.join(" ") ?? null;
};
const textOfDescriptor = (field: string): ParamText => {
  const offset = DESCRIPTOR_AT[field] as number;
  return (batch, at) => descriptorText(batch, descriptorAt(batch, at), offset);
};

/** Where `name: TYPE <- FIELD` takes its value from: numbers ... */
const INTS: Readonly<Record<string, (batch: Batch, at: number) => Int | null>> = {
  res: resultOf,
  tid: tidOf,
  "fd.num": fdOf,
  "fd.dev": ofDescriptor("dev"),
  "fd.ino": ofDescriptor("ino"),
  "proc.pid": ofProcess("pid"),
  "proc.ppid": ofProcess("ppid"),
  "proc.vpid": ofProcess("vpid"),
  "proc.pgid": ofProcess("pgid"),
  "proc.vpgid": ofProcess("pgid"),
  "proc.tty": ofProcess("tty"),
  "proc.fdlimit": ofProcess("fd_limit"),
  "proc.exe_flags": ofProcess("exe_flags"),
  "proc.exe_ino": ofProcess("exe_ino"),
  "proc.exe_ino.ctime": ofProcess("exe_ctime"),
  "proc.exe_ino.mtime": ofProcess("exe_mtime"),
  "thread.cap_inheritable": ofProcess("cap_inheritable"),
  "thread.cap_permitted": ofProcess("cap_permitted"),
  "thread.cap_effective": ofProcess("cap_effective"),
  "user.uid": ofProcess("uid"),
  "user.loginuid": ofProcess("loginuid"),
  "group.gid": ofProcess("gid"),
};

/** ... and texts. */
const SPANS: Readonly<Record<string, ParamText>> = {
  "proc.name": textOfProcess("name"),
  "proc.exe": textOfProcess("exe"),
  "proc.exepath": textOfProcess("exepath"),
  "proc.args": listOfProcess("args"),
  "proc.env": listOfProcess("env"),
  "proc.cwd": textOfProcess("cwd"),
  "thread.cgroups": textOfProcess("cgroup"),
  "fd.realpath": textOfDescriptor("realpath"),
};
