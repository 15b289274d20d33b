// SPDX-License-Identifier: Apache-2.0
// proc.* and thread.*: who did it, and whose child it is. An event of execve already describes the new
// program. `[0]` is the process itself and `[1]` its parent; without a number an ancestor field is the list
// of all ancestors, the parent first.
import type { Batch } from "../batch.js";
import { nameOf, typeNameOf } from "../descriptor.js";
import { INTEGRITY, PROCESS_AT } from "../layout.js";
import { nameOfValue, namesOf } from "../names.js";
import {
  ancestorOf,
  ancestorsOf,
  commandLine,
  exeLine,
  parentOf,
  processInt,
  processList,
  processText,
  streamOf,
} from "../process.js";
import { processAt, tidOf, tierOf, timeOf } from "../record.js";
import type { Int } from "../slot.js";
import type { Value } from "../value.js";
import type { FieldGetter, FieldRow, FieldRows } from "./row.js";

type OfProcess = (batch: Batch, process: number) => Value;

const EXE = { writable: 1, upperLayer: 2, fromMemfd: 4, lowerLayer: 8 } as const;
const VPID = PROCESS_AT.vpid as number;
const START = PROCESS_AT.start_time as number;
const CLONE_SEEN = PROCESS_AT.clone_seen as number;

const int = (field: string): OfProcess => {
  const offset = PROCESS_AT[field] as number;
  return (batch, process) => processInt(batch, process, offset);
};
const text = (field: string): OfProcess => {
  const offset = PROCESS_AT[field] as number;
  return (batch, process) => processText(batch, process, offset);
};
const folder = (field: string): OfProcess => {
  const get = text(field);
  return (batch, process) => {
    const path = get(batch, process) as string | null;
    return path === null || path.endsWith("/") ? path : `${path}/`;
  };
};
const list = (field: string): OfProcess => {
  const offset = PROCESS_AT[field] as number;
  return (batch, process) => processList(batch, process, offset)?.join(" ") ?? null;
};
/** One of a list, counted from 0. */
const entry = (field: string) => {
  const offset = PROCESS_AT[field] as number;
  return (place: string): FieldGetter | undefined =>
    /^\d+$/.test(place)
      ? own((batch, process) => processList(batch, process, offset)?.[Number(place)] ?? null).get
      : undefined;
};
const exeFlag = (flag: number): OfProcess => {
  const offset = PROCESS_AT.exe_flags as number;
  return (batch, process) => {
    const flags = processInt(batch, process, offset);
    return flags === null ? null : (Number(flags) & flag) !== 0;
  };
};
const yes = (field: string): OfProcess => {
  const get = int(field);
  return (batch, process) => {
    const value = get(batch, process);
    return value === null ? null : value === 1;
  };
};
const capabilities = (field: string): OfProcess => {
  const offset = PROCESS_AT[field] as number;
  return (batch, process) => {
    const value = processInt(batch, process, offset);
    return value === null ? null : value === 0 ? "" : namesOf("capabilities", value).replaceAll("|", " ");
  };
};

const REASON = PROCESS_AT.integrity_reason as number;

/**
 * Why each call of the event's process stops; 0: not all do. An inline event is its process's own word,
 * whatever has been found out about it since.
 */
const stopsFor: FieldGetter = (batch, at) =>
  tierOf(batch, at) === "inline" ? 0 : processInt(batch, processAt(batch, at), REASON);

const integrity: FieldGetter = (batch, at) => {
  const reason = stopsFor(batch, at);
  return reason === null ? null : INTEGRITY[reason === 0 ? 0 : 1];
};
const integrityReason: FieldGetter = (batch, at) => {
  const reason = stopsFor(batch, at) as Int | null;
  return reason === null || reason === 0 ? null : nameOfValue("integrity_reason", reason);
};

const own = (of: OfProcess): FieldRow => ({ get: (batch, at) => of(batch, processAt(batch, at)) });
const parents = (of: OfProcess): FieldRow => ({ get: (batch, at) => of(batch, parentOf(batch, processAt(batch, at))) });
const ancestors = (of: OfProcess): FieldRow => ({
  get: (batch, at) => ancestorsOf(batch, processAt(batch, at)).map((process) => of(batch, process)),
  with: (generation) =>
    /^\d{1,3}$/.test(generation)
      ? (batch, at) => of(batch, ancestorOf(batch, processAt(batch, at), Number(generation)))
      : undefined,
});

/**
 * The process that leads the session or the group, where it is the process itself or one of its ancestors.
 */
const leaders = (field: string, of: OfProcess): FieldRow => {
  const offset = PROCESS_AT[field] as number;
  return own((batch, process) => {
    const leader = processInt(batch, process, offset);
    if (leader === null) return null;
    const isLeader = (one: number): boolean => processInt(batch, one, PROCESS_AT.pid as number) === leader;
    const found = [process, ...ancestorsOf(batch, process)].find(isLeader);
    return found === undefined ? null : of(batch, found);
  });
};

/** The variable's value; of several the first, as getenv(3) finds it. */
const variable = (name: string): OfProcess => {
  const start = `${name}=`;
  const offset = PROCESS_AT.env as number;
  return (batch, process) =>
    processList(batch, process, offset)
      ?.find((entry) => entry.startsWith(start))
      ?.slice(start.length) ?? null;
};
const environment = (name: string): FieldGetter | undefined => own(variable(name)).get;
const inherited = (name: string): FieldGetter | undefined => ancestors(variable(name)).get;

/** ns from the last change of the executable's inode to the clone. */
const age: OfProcess = (batch, process) => {
  const [start, changed] = [
    processInt(batch, process, START),
    processInt(batch, process, PROCESS_AT.exe_ctime as number),
  ];
  return start === null || changed === null ? null : Number(BigInt(start) - BigInt(changed));
};

/**
 * ns from the start of the pid namespace to the last change of the executable's inode, where that is later.
 */
const changedAfterStart: OfProcess = (batch, process) => {
  const start = processInt(batch, process, PROCESS_AT.pidns_start as number);
  const changed = processInt(batch, process, PROCESS_AT.exe_ctime as number);
  if (start === null || changed === null || changed <= start) return null;
  return Number(BigInt(changed) - BigInt(start));
};

/** ns since the clone; unset when the clone was not seen, as in Falco. */
const duration =
  (select: (batch: Batch, at: number) => number): FieldGetter =>
  (batch, at) => {
    const process = select(batch, at);
    if (processInt(batch, process, CLONE_SEEN) !== 1) return null;
    const start = processInt(batch, process, START);
    return start === null ? null : Number(timeOf(batch, at) - BigInt(start));
  };

/** The oldest shell: the process itself or the furthest ancestor whose name ends in `sh`. */
const loginShell: OfProcess = (batch, process) => {
  const isShell = (one: number): boolean => processText(batch, one, PROCESS_AT.name as number)?.endsWith("sh") ?? false;
  const oldest = [process, ...ancestorsOf(batch, process)].findLast(isShell);
  return oldest === undefined ? null : processInt(batch, oldest, PROCESS_AT.pid as number);
};

/** Threads beside the first: what Falco calls proc.nchilds. */
const otherThreads: OfProcess = (batch, process) => {
  const threads = processInt(batch, process, PROCESS_AT.threads as number);
  return threads === null ? null : Math.max(Number(threads) - 1, 0);
};

/**
 * The first thread has its process's number; of others it is known where the process has the same number in
 * both namespaces.
 */
const virtualTid: FieldGetter = (batch, at) => {
  const [process, tid] = [processAt(batch, at), tidOf(batch, at)];
  const [pid, vpid] = [processInt(batch, process, PROCESS_AT.pid as number), processInt(batch, process, VPID)];
  if (pid === null || vpid === null) return null;
  return tid === pid ? vpid : pid === vpid ? tid : null;
};

const nameAndTid: FieldGetter = (batch, at) => {
  const name = processText(batch, processAt(batch, at), PROCESS_AT.name as number);
  return name === null ? null : `${name}${tidOf(batch, at)}`;
};

const stream = (field: string, of: (batch: Batch, descriptor: number) => Value): FieldRow => {
  const offset = PROCESS_AT[field] as number;
  return own((batch, process) => of(batch, streamOf(batch, process, offset)));
};

const leads =
  (field: string): OfProcess =>
  (batch, process) => {
    const pid = processInt(batch, process, PROCESS_AT.pid as number);
    return pid === null ? null : pid === processInt(batch, process, PROCESS_AT[field] as number);
  };

const argumentCount =
  (of: (args: readonly string[]) => number): OfProcess =>
  (batch, process) => {
    const args = processList(batch, process, PROCESS_AT.args as number);
    return args === null ? null : of(args);
  };

/**
 * How proc.*, thread.* and what vedette.* says of a process are read. Null where the event has no process.
 */
export const PROC_FIELDS: FieldRows = {
  "proc.pid": own(int("pid")),
  "proc.ppid": own(int("ppid")),
  "vedette.session": own(int("session")),
  "vedette.exe_of_image": own(yes("exe_of_image")),
  "vedette.integrity": { get: integrity },
  "vedette.integrity.reason": { get: integrityReason },
  "proc.vpid": own(int("vpid")),
  "proc.pvpid": parents(int("vpid")),
  "proc.sid": own(int("sid")),
  "proc.pgid": own(int("pgid")),
  "proc.vpgid": own(int("pgid")),
  "proc.is_sid_leader": own(leads("sid")),
  "proc.is_vpgid_leader": own(leads("pgid")),
  "proc.is_pgid_leader": own(leads("pgid")),
  "proc.sname": leaders("sid", text("name")),
  "proc.sid.exe": leaders("sid", text("exe")),
  "proc.sid.exepath": leaders("sid", text("exepath")),
  "proc.pgid.name": leaders("pgid", text("name")),
  "proc.pgid.exe": leaders("pgid", text("exe")),
  "proc.pgid.exepath": leaders("pgid", text("exepath")),
  "proc.vpgid.name": leaders("pgid", text("name")),
  "proc.vpgid.exe": leaders("pgid", text("exe")),
  "proc.vpgid.exepath": leaders("pgid", text("exepath")),
  "proc.tty": own(int("tty")),
  "proc.name": own(text("name")),
  "proc.exe": own(text("exe")),
  "proc.exepath": own(text("exepath")),
  "proc.args": { ...own(list("args")), with: entry("args") },
  "proc.cmdline": own(commandLine),
  "proc.exeline": own(exeLine),
  "proc.cmdnargs": own(argumentCount((args) => args.length)),
  "proc.cmdlenargs": own(argumentCount((args) => args.reduce((sum, argument) => sum + argument.length, 0))),
  "proc.env": { ...own(list("env")), with: environment },
  "proc.cwd": own(folder("cwd")),
  "proc.root": own(text("root")),
  "proc.pname": parents(text("name")),
  "proc.pexe": parents(text("exe")),
  "proc.pexepath": parents(text("exepath")),
  "proc.pcmdline": parents(commandLine),
  "proc.aname": ancestors(text("name")),
  "proc.aexe": ancestors(text("exe")),
  "proc.aexepath": ancestors(text("exepath")),
  "proc.acmdline": ancestors(commandLine),
  "proc.apid": ancestors(int("pid")),
  "proc.aargs": ancestors(list("args")),
  "proc.aenv": {
    ...ancestors(list("env")),
    with: (argument) => ancestors(list("env")).with?.(argument) ?? inherited(argument),
  },
  "proc.loginshellid": own(loginShell),
  "proc.nthreads": own(int("threads")),
  "proc.nchilds": own(otherThreads),
  "proc.fdlimit": own(int("fd_limit")),
  "proc.pid.ts": own(int("start_time")),
  "proc.ppid.ts": parents(int("start_time")),
  "proc.duration": { get: duration(processAt) },
  "proc.ppid.duration": { get: duration((batch, at) => parentOf(batch, processAt(batch, at))) },
  "proc.is_exe_writable": own(exeFlag(EXE.writable)),
  "proc.is_exe_upper_layer": own(exeFlag(EXE.upperLayer)),
  "proc.is_exe_lower_layer": own(exeFlag(EXE.lowerLayer)),
  "proc.is_exe_from_memfd": own(exeFlag(EXE.fromMemfd)),
  "proc.exe_ino": own(int("exe_ino")),
  "proc.exe_ino.ctime": own(int("exe_ctime")),
  "proc.exe_ino.mtime": own(int("exe_mtime")),
  "proc.exe_ino.ctime_duration_proc_start": own(age),
  "proc.exe_ino.ctime_duration_pidns_start": own(changedAfterStart),
  "proc.pidns_init_start_ts": own(int("pidns_start")),
  "proc.stdin.type": stream("stdin", typeNameOf),
  "proc.stdin.name": stream("stdin", nameOf),
  "proc.stdout.type": stream("stdout", typeNameOf),
  "proc.stdout.name": stream("stdout", nameOf),
  "proc.stderr.type": stream("stderr", typeNameOf),
  "proc.stderr.name": stream("stderr", nameOf),
  "thread.tid": { get: tidOf },
  "thread.ismain": {
    get: (batch, at) => tidOf(batch, at) === processInt(batch, processAt(batch, at), PROCESS_AT.pid as number),
  },
  "thread.vtid": { get: virtualTid },
  "thread.nametid": { get: nameAndTid },
  "thread.cap_permitted": own(capabilities("cap_permitted")),
  "thread.cap_effective": own(capabilities("cap_effective")),
  "thread.cap_inheritable": own(capabilities("cap_inheritable")),
  "thread.cgroups": own(text("cgroup")),
};
