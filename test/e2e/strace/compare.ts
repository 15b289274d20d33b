// SPDX-License-Identifier: Apache-2.0
//
// Turns strace's calls and our events into lines that can be compared:
// `openat flags=O_RDONLY name=/tmp/a = 3`.
//
// Not compared: pointers and structures that are no parameter (roles.ts); process ids (PID, as two runs
// differ) and addresses of mappings; what is read of a process's maps and of /dev/urandom; every way to make
// a process or thread is `clone` with its result; calls that a signal interrupted and the kernel restarts;
// how processes end (compared by count, in the test).
import type { Event } from "../traces.js";
import { CALLS, callOfType, errnoOf, type Param, pidText } from "./contract.js";
import type { Call } from "./parse.js";
import { ROLES } from "./roles.js";
import { escaped, joined, numberOf, pathOf, ROLE_VALUES, textOf } from "./values.js";

const AT_FDCWD = -100n;
const CLONES = new Set(["clone", "clone3", "fork", "vfork"]);
// What a read of these gives is another thing in every run, and Vedette's own page stands in a process's
// maps.
const NEVER_THE_SAME = /^\/(?:proc\/(?:self|\d+)\/maps|dev\/u?random)$/;
// TIOCSTI, TIOCLINUX, TIOCCONS, FS_IOC_SETFLAGS and its twin, FS_IOC_FSSETXATTR, FICLONE, FICLONERANGE,
// USERFAULTFD_IOC_NEW.
const REQUESTS = new Set([
  0x5412n,
  0x541cn,
  0x541dn,
  0x40086602n,
  0x40046602n,
  0x401c5820n,
  0x40049409n,
  0x4020940dn,
  0xaa00n,
]);
// Numbers that the kernel gives out, new ones each time.
const NUMBERED = new Set(["semget", "msgget", "shmget"]);
const PLACED = new Set(["mmap", "shmat", "map_shadow_stack"]);
const RESTARTS = { from: -516n, to: -512n };

export const TRACED_CALLS = [...CALLS.keys()].filter((name) => name in ROLES || name.startsWith("exit"));

/**
 * Has strace print whole what `straceLines` reads. Signals that are caught are no calls; of an end by a
 * signal it tells only when it is asked.
 */
export const STRACE_WHOLE = [
  ...["-f", "-X", "raw", "-xx", "-y", "-s", "4096", "-v"],
  ...["-e", "signal=SIGKILL", "-e", `trace=${TRACED_CALLS.join(",")}`],
];

export function straceLines(calls: Call[], folder: string): string[] {
  const directories = new Map<number, string>();
  const lines: string[] = [];
  // A child may make calls before its parent's clone has returned: it begins where the parent stands in that
  // call.
  const makers = new Map(calls.filter(({ name }) => CLONES.has(name)).map(({ tid, result }) => [Number(result), tid]));
  const directoryOf = (tid: number): string => {
    const maker = makers.get(tid);
    const known = directories.get(tid) ?? (maker === undefined ? folder : directoryOf(maker));
    directories.set(tid, known);
    return known;
  };
  for (const call of calls) {
    if (call.result === undefined) continue;
    const cwd = directoryOf(call.tid);
    if (call.name === "chdir" && call.result === 0n) directories.set(call.tid, joined(cwd, textOf(call.args[0])));
    if (call.name === "fchdir" && call.result === 0n) directories.set(call.tid, pathOf(call.args[0]) ?? cwd);
    if (CLONES.has(call.name)) {
      if (call.result > 0n) directoryOf(Number(call.result));
      lines.push(lineOf("clone", [], call.result));
    } else if (isRecorded(call)) {
      lines.push(callLine(call, cwd));
    }
  }
  return lines;
}

export function eventLines(events: Event[]): string[] {
  return events.flatMap((event) => {
    const type = String(event["evt.type"]);
    if (type === "procexit" || type.startsWith("vedette.")) return [];
    const result = BigInt(String(event["evt.rawres"] ?? 0));
    if (result >= RESTARTS.from && result <= RESTARTS.to) return [];
    if (type === "read" && NEVER_THE_SAME.test(String(event["fd.name"]))) return [];
    if (CLONES.has(type)) return result === 0n ? [] : [lineOf("clone", [], result)];
    const call = callOfType(type);
    if (!(call in ROLES)) return []; // younger than strace
    const { params } = CALLS.get(call)!;
    return [
      lineOf(
        type,
        parametersOf(call).map((name) => `${name}=${eventValue(event, params.get(name)!)}`),
        result,
      ),
    ];
  });
}

function lineOf(type: string, values: string[], result: bigint): string {
  const isAddress = PLACED.has(type) && result > 0n;
  if (NUMBERED.has(type) && result >= 0n) return [type, ...values.sort(), "= NUMBER"].join(" ");
  const isPid = type === "setsid" || type === "clone";
  return [type, ...values.sort(), "=", isAddress ? "ADDRESS" : isPid ? pidText(result) : result].join(" ");
}

// The contract records some calls only with some arguments.
function isRecorded(call: Call): boolean {
  const number = (index: number): bigint => numberOf(call.args[index]) ?? 0n;
  if (call.name === "prlimit64") return number(0) !== 0n || call.args[2]?.kind === "struct";
  if (call.name === "ioctl") return REQUESTS.has(BigInt.asUintN(32, number(1)));
  if (["mmap", "mprotect", "pkey_mprotect"].includes(call.name)) return (number(2) & 4n) !== 0n;
  if (call.name === "getsockopt") return number(1) === 1n && number(2) === 4n;
  if (call.name === "read") return !NEVER_THE_SAME.test(pathOf(call.args[0]) ?? "");
  return call.name in ROLES;
}

function callLine(call: Call, cwd: string): string {
  const { type, params } = CALLS.get(call.name)!;
  const filled = new Map<string, string>();
  let base: string | undefined;
  rolesOf(call.name).forEach(([name, role], index) => {
    const value = call.args[index];
    const place = { call, params, cwd, base };
    for (const [key, text] of Object.entries(ROLE_VALUES[role]!(name, value, place))) {
      if (params.has(key)) filled.set(key, text);
    }
    base = numberOf(value) === AT_FDCWD ? "" : pathOf(value);
  });
  return lineOf(
    type,
    [...filled].map(([name, text]) => `${name}=${text}`),
    call.result!,
  );
}

// The parameters that a call's roles fill.
function parametersOf(call: string): string[] {
  const { params } = CALLS.get(call)!;
  const blank = { call: { tid: 0, name: call, args: [], result: 0n }, params, cwd: "", base: "" };
  const names = rolesOf(call).flatMap(([name, role]) => Object.keys(ROLE_VALUES[role]!(name, undefined, blank)));
  return [...new Set(names)].filter((name) => params.has(name));
}

function rolesOf(call: string): [name: string, role: string][] {
  const words = ROLES[call]!.split(" ").filter((word) => word !== "");
  return words.map((word) => {
    const [name, role] = word.split(":");
    return [name!, role ?? ""];
  });
}

function eventValue(event: Event, param: Param): string {
  const value = event[`evt.arg.${param.name}`];
  if (value === null || value === undefined) return "null";
  const text = String(value);
  if (param.type === "pid" && /^-?\d+$/.test(text)) return pidText(BigInt(text));
  // Falco renders a negative descriptor as the error of its number; strace has the number.
  const error = param.type === "fd" ? errnoOf(text) : undefined;
  return error === undefined ? escaped(text) : String(-error);
}
