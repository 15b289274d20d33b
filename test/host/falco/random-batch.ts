// SPDX-License-Identifier: Apache-2.0
// A batch of random events, of the types that random conditions ask for among them or of the types that are
// named. Of a type that has no row here, each parameter gets a value of its kind.

import type { Field } from "../../../build/generated/events.js";
import { ABSENT } from "../../../host/falco/compile/source.js";
import type { Expr } from "../../../host/falco/condition.js";
import type { LoadedRule } from "../../../host/falco/load.js";
import { BatchBuilder, type Slots, type SlotValue } from "../../../host/wire/builder.js";
import { EVENT_OF_NAME, isSpan } from "../../../host/wire/layout.js";
import type { Random } from "./random.js";
import { NAMES as COMMON_NAMES, PATHS as COMMON_PATHS, WORDS as COMMON_WORDS, USERS, V4, V6 } from "./random-values.js";

const v4Bytes = (text: string) => Uint8Array.from(text.split("."), Number);
const v6Bytes: Record<string, number[]> = {
  "::1": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  "fd00:ec2::23": [0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x23],
  "2001:db8::ff00:42:8329": [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29],
  "::ffff:10.0.0.1": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1],
};

export interface Wanted {
  readonly types?: readonly string[];
  /** What rules ask for, so that events have a chance to meet it. */
  readonly names?: readonly string[];
  readonly paths?: readonly string[];
  readonly words?: readonly string[];
}

/** The types that rules name, and the texts that they compare with. */
export function wantedBy(rules: readonly LoadedRule[]): Wanted {
  const texts = new Set<string>();
  const visit = (expr: Expr): void => {
    if (expr.kind === "and" || expr.kind === "or") expr.children.forEach(visit);
    else if (expr.kind === "not") visit(expr.child);
    else if (expr.kind === "check" && expr.right.kind === "text") texts.add(expr.right.value);
    else if (expr.kind === "check" && expr.right.kind === "list")
      for (const value of expr.right.values) texts.add(value);
  };
  for (const rule of rules) visit(rule.expr);
  const paths = [...texts].filter((text) => text.includes("/"));
  const names = [...texts].filter((text) => !text.includes("/") && text.length < 16);
  const types = [...new Set(rules.flatMap((rule) => rule.events))];
  return { types, names, paths: [...paths, ...paths.map((path) => `${path}x`)], words: [...texts] };
}

export function randomBatch(r: Random, records: number, wanted: Wanted = {}): Uint8Array {
  const [NAMES, PATHS, WORDS] = [
    [...COMMON_NAMES, ...(wanted.names ?? [])],
    [...COMMON_PATHS, ...(wanted.paths ?? [])],
    [...COMMON_WORDS, ...(wanted.words ?? [])],
  ];
  const b = new BatchBuilder({ first: 1 + r.below(1000) });
  const maybe = <T>(value: T): T | undefined => (r.chance(0.12) ? undefined : value);
  const processes: number[] = [];
  for (let i = 0; i < 8; i++) {
    const parent = i > 0 && r.chance(0.9) ? r.of(processes) : undefined;
    processes.push(
      b.process({
        pid: 100 + r.below(6),
        ppid: 99,
        parent: parent ?? 0xffffffff,
        vpid: maybe(r.of([1, 7, 100, 101, 102])),
        sid: 100 + r.below(3),
        pgid: 100 + r.below(6),
        tty: r.of([0, 34816]),
        uid: r.of([0, 33, 1000]),
        gid: 0,
        loginuid: r.of([0xffffffff, 0, 1000]),
        cap_permitted: maybe(r.of([0, 0x3fffffffffn, 0x200000, 0xa80425fb])),
        cap_effective: maybe(r.of([0, 0x10000, 0xa80425fb])),
        start_time: 1_699_999_999_000_000_000n,
        clone_seen: maybe(r.of([0, 1])),
        exe_flags: maybe(r.below(16)),
        exe_ino: 5,
        threads: maybe(r.of([0, 1, 2, 8])),
        stdin: 0xffffffff,
        stdout: 0xffffffff,
        stderr: 0xffffffff,
        name: maybe(r.of(NAMES)),
        exe: maybe(r.of([...NAMES, ...PATHS])),
        exepath: maybe(r.of(PATHS)),
        args: maybe(r.some(WORDS, 4)),
        env: maybe(["PATH=/bin", "GLIBC_TUNABLES=x", `A=${r.of(WORDS)}`]),
        cwd: maybe(r.of(["/", "/root", "/dev/shm", "/a/b"])),
        cgroup: maybe("/ecs/x"),
        user: maybe(r.of(USERS)),
        group: maybe("g"),
        loginname: maybe(r.of(USERS)),
        home: maybe(r.of(["/root", "/var/www"])),
        shell: maybe(r.of(["/bin/sh", "/usr/sbin/nologin"])),
        pidns_start: maybe(1_699_999_000_000_000_000n),
        exe_ctime: maybe(r.of([1_600_000_000_000_000_000n, 1_699_999_000_000_000_500n])),
        container_id: r.chance(0.5) ? "3ad7b26ded6d" : undefined,
        container_full_id: r.chance(0.5) ? `3ad7b26ded6d${"0".repeat(52)}` : undefined,
        exe_of_image: maybe(r.of([0, 1])),
        integrity_reason: maybe(r.of([0, 0, 1, 4, 99])),
        container_privileged: maybe(r.of([0, 1])),
        session: maybe(r.of([0, 0, 100])),
      }),
    );
  }
  const descriptors: number[] = [];
  for (let i = 0; i < 8; i++) {
    const type = r.of(["f", "f", "f", "d", "4", "4", "6", "u", "p", "l"]);
    const ips: Record<string, Uint8Array[]> = {
      4: V4.map(v4Bytes),
      6: V6.map((a) => Uint8Array.from(v6Bytes[a]!)),
    };
    const ip = () => (ips[type] ? maybe(r.of(ips[type])) : undefined);
    descriptors.push(
      b.descriptor({
        type,
        flags: r.below(64),
        dev: maybe(r.of([0x801, 0xfd00, 0x1_0000_0801n])),
        ino: 12,
        l4proto: maybe(r.of([6, 17, 1, 99])),
        cport: maybe(r.of([22, 443, 55555])),
        sport: maybe(r.of([22, 53, 443])),
        cip: ip(),
        sip: ip(),
        name: maybe(r.of(PATHS)),
        nameraw: maybe(r.of(PATHS)),
        realpath: maybe(r.of(PATHS)),
      }),
    );
  }
  const int = (list: readonly number[]) => maybe(r.of(list));
  const path = () => maybe(r.of(PATHS));
  const params: Record<string, () => Slots> = {
    execve: () => ({ filename: path(), argv: maybe(r.some(WORDS, 3)) }),
    open: () => ({ name: path(), flags: int(OPEN_FLAGS), mode: int([0, 0o644, 0o755]) }),
    openat: () => ({ dirfd: int([-100, 3, 4]), name: path(), flags: int(OPEN_FLAGS), mode: int([0, 0o644, 0o4755]) }),
    creat: () => ({ name: path(), mode: int([0, 0o644, 0o755]) }),
    connect: () => ({
      addr: maybe(
        r.of([
          Uint8Array.of(2, 0, 0, 22, 10, 0, 0, 1, 0, 0),
          Uint8Array.of(1, 0, 47, 120, 0),
          Uint8Array.of(1, 0, 0, 120),
          Uint8Array.of(9),
        ]),
      ),
    }),
    ptrace: () => ({ addr: int([0, 255]), data: int([0]), request: int([0, 16, 17, 0x4206, 999]), pid: int([7]) }),
    rename: () => ({ oldpath: path(), newpath: path() }),
    unlinkat: () => ({ dirfd: int([-100, 5]), name: path(), flags: int([0, 0x200]) }),
    chmod: () => ({ filename: path(), mode: int([0, 0o4755, 0o644, 0o2711]) }),
    socket: () => ({
      domain: int([1, 2, 17, 10, 77]),
      type: int([1, 3]),
      proto: int([0, 768]),
      flags: int([0, 0x800]),
    }),
    setuid: () => ({ uid: int([0, 33, 1000, -1, 0xffffffff]) }),
    dup2: () => ({ oldfd: int([3]), newfd: int([0, 1]) }),
    recvfrom: () => ({
      data: maybe(r.of([Uint8Array.of(0xca, 0xfe, 0, 0xbe), Buffer.from("GET / HTTP"), new Uint8Array(0)])),
      size: int([10]),
    }),
    bpf: () => ({ cmd: int([0, 5, 200]) }),
    renameat: () => ({ olddirfd: int([-100, 3]), oldpath: path(), newdirfd: int([-100, 5]), newpath: path() }),
    linkat: () => ({
      olddir: int([-100, 3]),
      oldpath: path(),
      newdir: int([-100, 5]),
      newpath: path(),
      flags: int([0]),
    }),
    mmap: () => ({ length: int([4096]), prot: int([4, 5]) }),
    write: () => ({ data: maybe(r.of([Buffer.from("CAFE"), QUERY])), size: int([4]) }),
    close: () => ({}),
    pipe2: () => ({ fd1: int([3]), fd2: int([4]) }),
    accept4: () => ({ flags: int([0, 0x800]) }),
    unshare: () => ({ flags: int([0, 0x10000000, 0x20000]) }),
  };
  const ofKind = (param: Field): SlotValue => {
    if (param.type === "path" || param.type === "relpath") return path();
    if (param.type === "str") return maybe(r.of(r.chance(0.5) ? NAMES : PATHS));
    if (param.type === "strlist") return maybe(r.some(WORDS, 3));
    if (isSpan(param)) return maybe(r.of(BYTES));
    if (param.type === "fd") return int([-100, 0, 1, 3, 5]);
    if (param.type === "uid" || param.type === "gid") return int([0, 33, 1000, -1, 0xffffffff]);
    if (param.type === "mode") return int([0, 0o644, 0o755, 0o4755, 0o2711]);
    return int(param.table === "open" ? OPEN_FLAGS : NUMBERS);
  };
  const slotsOf = (event: string): Slots =>
    params[event]?.() ??
    Object.fromEntries(
      EVENT_OF_NAME.get(event)!.params.flatMap((param) => (param.slot < 0 ? [] : [[param.name, ofKind(param)]])),
    );
  for (let i = 0; i < records; i++) {
    const event = r.of(wanted.types ?? Object.keys(params));
    b.record(event, {
      process: r.chance(0.95) ? r.of(processes) : 0xffffffff,
      descriptor: r.chance(0.85) ? r.of(descriptors) : 0xffffffff,
      result: r.chance(0.05) ? ABSENT : r.of([0, 3, -1, -2, -13, -9999, 7, QUERY.length]),
      fd: r.of([-1, 0, 1, 3, 5]),
      tid: 100 + r.below(6),
      latency: r.of([r.below(1000), r.below(20_000), r.below(20_000_000), r.below(0x1_0000_0000)]),
      time: 1_700_000_000_000_000_000n + BigInt(r.below(1000) * r.of([1, 10_000])),
      params: slotsOf(event),
    });
  }
  return b.bytes();
}

/** Of AAAA of x.onion. */
const QUERY = Buffer.from("\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01x\x05onion\0\0\x1c\0\x01", "latin1");
const NUMBERS = [
  -1, 0, 1, 2, 3, 4, 5, 10, 16, 17, 31, 0x40, 0x200, 0x800, 0x1000, 0x4206, 0x2000_0000, 0x1000_0000, 999,
];
const BYTES = [
  Uint8Array.of(2, 0, 0, 22, 10, 0, 0, 1, 0, 0),
  Uint8Array.of(1, 0, 47, 120, 0),
  Buffer.from("GET / HTTP"),
  new Uint8Array(0),
];
const OPEN_FLAGS = [0, 1, 2, 0x41, 0x241, 0x80000, 0x410002, 0x200000, 3];
