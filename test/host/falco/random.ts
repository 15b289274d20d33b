// SPDX-License-Identifier: Apache-2.0
// Random events and random conditions that have a chance to meet: conditions take their values from the same few words, numbers and
// addresses that events are made of.
import { BatchBuilder, type Slots } from "../../../host/wire/builder.js";

export class Random {
  constructor(private state: number) {}

  // mulberry32
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  some<T>(list: readonly T[], most: number): T[] {
    return Array.from({ length: 1 + this.below(most) }, () => this.of(list));
  }

  chance(p: number): boolean {
    return this.next() < p;
  }
}

const NAMES = ["sh", "bash", "cat", "nginx", "a", "python3.11", "exactly8", "fifteen-letters", "x\u00e9", "rpm", ""];
const WORDS = ["-c", "id", "--exec", "-e", "/etc/shadow", "/tmp/x", "CAFE", "YWJj", "a b", "", "-nvp4444", "http://h/"];
const PATHS = [
  "/etc/shadow",
  "/etc/../etc/shadow",
  "shadow",
  "./x",
  "../x",
  "../../..",
  "/",
  "",
  "/tmp/.hidden",
  "/var/log/syslog",
  "/dev/shm/evil.sh",
  "a/b/../c",
  "/etc/pam.d/sshd",
  "/root/.ssh/id_rsa",
  "/usr/bin/a-path-that-is-quite-long/with/parts",
  "/etc",
  "etc/passwd",
  "//x//y",
];
const V4 = ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.77"];
const V6 = ["::1", "fd00:ec2::23", "2001:db8::ff00:42:8329", "::ffff:10.0.0.1"];
const USERS = ["root", "www-data", "nobody"];

const v4Bytes = (text: string) => Uint8Array.from(text.split("."), Number);
const v6Bytes: Record<string, number[]> = {
  "::1": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  "fd00:ec2::23": [0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x23],
  "2001:db8::ff00:42:8329": [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29],
  "::ffff:10.0.0.1": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1],
};

export function randomBatch(r: Random, records: number): Uint8Array {
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
        vpid: r.of([1, 7, 100]),
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
        container_id: r.chance(0.5) ? "3ad7b26ded6d" : undefined,
        container_privileged: maybe(r.of([0, 1])),
      }),
    );
  }
  const descriptors: number[] = [];
  for (let i = 0; i < 8; i++) {
    const type = r.of(["f", "f", "f", "d", "4", "4", "6", "u", "p"]);
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
    unshare: () => ({ flags: int([0, 0x10000000, 0x20000]) }),
  };
  for (let i = 0; i < records; i++) {
    const event = r.of(Object.keys(params));
    b.record(event, {
      process: r.chance(0.95) ? r.of(processes) : 0xffffffff,
      descriptor: r.chance(0.85) ? r.of(descriptors) : 0xffffffff,
      result: r.of([0, 3, -1, -2, -13, -9999, 7]),
      fd: r.of([-1, 0, 1, 3, 5]),
      tid: 100 + r.below(6),
      latency: r.below(3000),
      time: 1_700_000_000_000_000_000n + BigInt(r.below(1000)),
      params: params[event]!(),
    });
  }
  return b.bytes();
}

const OPEN_FLAGS = [0, 1, 2, 0x41, 0x241, 0x80000, 0x410002, 0x200000, 3];

interface Pool {
  fields: string[];
  ops: string[];
  lists: string[];
  values: string[];
}

const quote = (text: string) => `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;
const TEXT_OPS = ["=", "!=", "contains", "icontains", "startswith", "endswith", "glob", "iglob", "<", ">=", "regex"];
const LISTS = ["in", "intersects", "pmatch"];
const GLOBS = ["*", "/etc/*", "*sh*", "?h", "[a-n]*", "[!b]a*", "/*/*", "a", "*.d/*"];
const REGEXES = ["/etc/.*", "[a-z]+", "(sh|bash|cat)", ".*x.*", "", ".", "[[:alpha:]]*"];

const POOLS: Pool[] = [
  {
    fields: [
      "proc.name",
      "proc.pname",
      "proc.aname",
      "proc.aname[2]",
      "proc.aname[0]",
      "proc.exe",
      "proc.pexe",
      "proc.aexe",
      "proc.exepath",
      "proc.cwd",
      "user.name",
      "user.loginname",
      "container.id",
      "group.name",
      "proc.aexepath[1]",
    ],
    ops: TEXT_OPS,
    lists: LISTS,
    values: [...NAMES, ...USERS, "host", "3ad7b26ded6d", "/bin", "r", "/"],
  },
  {
    fields: [
      "proc.args",
      "proc.cmdline",
      "proc.pcmdline",
      "proc.exeline",
      "proc.env",
      "proc.env[A]",
      "proc.env[NONE]",
      "proc.acmdline",
      "proc.acmdline[1]",
      "tolower(proc.cmdline)",
      "toupper(proc.name)",
      "b64(proc.args)",
      "basename(proc.exepath)",
      'concat(proc.name, "/", proc.pname)',
      'join(",", proc.args)',
      'getopt(proc.args, "e:cnvp:")[e]',
      "evt.args",
    ],
    ops: TEXT_OPS,
    lists: LISTS,
    values: [...WORDS, "sh -c", "bash ", "PATH=/bin", "SH", "abc", "a,b", "x"],
  },
  {
    fields: [
      "fd.name",
      "fd.nameraw",
      "fd.directory",
      "fd.filename",
      "fd.realpath",
      "evt.arg.name",
      "evt.arg.path",
      "evt.arg.oldpath",
      "evt.arg.newpath",
      "evt.arg.filename",
      "evt.arg[1]",
      "evt.arg[2]",
      "basename(fd.name)",
      "evt.arg.addr",
    ],
    ops: TEXT_OPS,
    lists: LISTS,
    values: [...PATHS, "/etc/", "../", ".sh", "/e", "10.0.0.1:22", "/x"],
  },
  {
    fields: [
      "evt.type",
      "evt.res",
      "evt.arg.flags",
      "evt.arg.request",
      "evt.arg.domain",
      "evt.arg.mode",
      "evt.arg.res",
      "evt.arg.fd",
      "evt.arg.dirfd",
      "evt.arg.uid",
      "evt.arg.cmd",
      "thread.cap_permitted",
      "thread.cap_effective",
      "fd.type",
      "fd.typechar",
      "fd.l4proto",
      "fd.sockfamily",
      "evt.dir",
      "evt.arg.pid",
      "syscall.type",
      "evt.io_dir",
    ],
    ops: ["=", "!=", "contains", "icontains", "startswith", "endswith", "glob"],
    lists: ["in", "intersects"],
    values: [
      "SUCCESS",
      "ENOENT",
      "O_RDONLY",
      "O_TRUNC",
      "O_CREAT",
      "O_RDWR|O_CREAT",
      "PTRACE_ATTACH",
      "PTRACE_TRACEME",
      "AF_PACKET",
      "AF_INET",
      "S_ISUID",
      "S_IXUSR",
      "root",
      "33",
      "<NONE>",
      "AT_FDCWD",
      "0",
      "3",
      "E",
      "CAP_SYS_ADMIN",
      "CAP_SYS_MODULE CAP",
      "",
      "file",
      "ipv4",
      "f",
      "4",
      "u",
      "tcp",
      "udp",
      "ip",
      "unix",
      "<",
      ">",
      "-1",
      "999",
      "77",
      "open",
      "EXE_WRITABLE",
      "read",
      "CLONE_NEWUSER",
      "O_TMP",
      "AT_REMOVEDIR",
      "7",
    ],
  },
  {
    fields: [
      "evt.rawres",
      "fd.num",
      "proc.pid",
      "proc.ppid",
      "proc.apid",
      "proc.apid[1]",
      "proc.vpid",
      "proc.tty",
      "user.uid",
      "user.loginuid",
      "proc.duration",
      "evt.num",
      "evt.buflen",
      "evt.buflen.in",
      "evt.buflen.file.out",
      "evt.buflen.net",
      "thread.tid",
      "evt.latency",
      "proc.cmdnargs",
      "proc.cmdlenargs",
      "fd.dev.major",
      "fd.dev.minor",
      "evt.rawarg.mode",
      "evt.rawarg.flags",
      "len(proc.name)",
      "len(fd.name)",
      "proc.sid",
      "fd.ino",
      "proc.pvpid",
      "evt.count.error",
    ],
    ops: ["=", "!=", "<", "<=", ">", ">="],
    lists: ["in"],
    values: ["0", "1", "-1", "3", "-2", "7", "100", "103", "33", "1000000000", "0x1ed", "2", "8", "34816", "500", "12"],
  },
  {
    fields: [
      "evt.is_open_read",
      "evt.is_open_write",
      "evt.is_open_exec",
      "evt.is_open_create",
      "evt.failed",
      "fd.connected",
      "fd.name_changed",
      "fd.is_server",
      "proc.is_exe_upper_layer",
      "proc.is_exe_from_memfd",
      "proc.is_exe_writable",
      "proc.is_vpgid_leader",
      "proc.is_sid_leader",
      "evt.is_io_read",
      "thread.ismain",
      "container.privileged",
    ],
    ops: ["=", "!="],
    lists: ["in"],
    values: ["true", "false"],
  },
  {
    fields: ["fd.ip", "fd.cip", "fd.sip", "fd.lip", "fd.rip"],
    ops: ["=", "!="],
    lists: ["in"],
    values: [...V4, ...V6],
  },
  {
    fields: ["fd.net", "fd.snet", "fd.cnet", "fd.rnet"],
    ops: ["=", "!="],
    lists: ["in"],
    values: [
      "10.0.0.0/8",
      "127.0.0.0/8",
      "169.254.0.0/16",
      "192.168.1.64/28",
      "0.0.0.0/0",
      "fd00::/8",
      "::/0",
      "2001:db8::/37",
      "::ffff:0:0/96",
    ],
  },
  {
    fields: ["fd.port", "fd.sport", "fd.cport", "fd.lport", "fd.rport"],
    ops: ["=", "!=", "<", ">="],
    lists: ["in"],
    values: ["22", "443", "53", "55555"],
  },
  {
    fields: ["evt.buffer"],
    ops: ["=", "!=", "contains", "startswith", "bcontains", "bstartswith"],
    lists: ["in"],
    values: ["CAFE", "00BE", "47455420", ""],
  },
];
export const EVENTS_BY_NAME = [
  "execve",
  "open",
  "openat",
  "creat",
  "connect",
  "ptrace",
  "rename",
  "unlinkat",
  "chmod",
  "socket",
  "setuid",
  "dup2",
  "recvfrom",
  "bpf",
  "unshare",
];

export function randomCondition(r: Random, depth = 3): string {
  if (depth > 0 && r.chance(0.6)) {
    const kids = Array.from({ length: 2 + r.below(2) }, () => randomCondition(r, depth - 1));
    const text = `(${kids.join(r.chance(0.5) ? " and " : " or ")})`;
    return r.chance(0.25) ? `not ${text}` : text;
  }
  const leaf = randomCheck(r);
  return r.chance(0.15) ? `not ${leaf}` : leaf;
}

function randomCheck(r: Random): string {
  const pool = r.of(POOLS);
  const field = r.of(pool.fields);
  if (r.chance(0.05)) return `${field} exists`;
  if (field === "evt.type")
    return `evt.type ${r.chance(0.7) ? `in (${r.some(EVENTS_BY_NAME, 5).join(", ")})` : `${r.of(["=", "!="])} ${r.of(EVENTS_BY_NAME)}`}`;
  if (r.chance(0.04) && pool === POOLS[0])
    return `${field.startsWith("proc.a") ? "proc.name" : field} ${r.of(["=", "!=", "startswith", "contains"])} val(${r.of(["proc.pname", "proc.exe", "user.name"])})`;
  if (r.chance(0.35)) {
    const op = r.of(pool.lists);
    const list = r.some(op === "pmatch" ? [...PATHS, ...GLOBS].filter((v) => v !== "") : pool.values, 6);
    return `${field} ${op} (${list.map(quote).join(", ")})`;
  }
  const op = r.of(pool.ops);
  const values = op.endsWith("glob") ? GLOBS : op === "regex" ? REGEXES : pool.values;
  if (/^[<>]/.test(op) && !/^-?\d|^0x/.test(pool.values[0]!)) return `${field} contains ${quote(r.of(values))}`;
  if (r.chance(0.08) && pool.ops.includes("contains") && op !== "regex") {
    return `${field} ${op} ${r.of(["anyof", "allof", "oneof"])} (${r.some(values, 3).map(quote).join(", ")})`;
  }
  const value = r.of(values);
  return /^[<>]/.test(op) ? `${field} ${op} ${value}` : `${field} ${op} ${quote(value)}`;
}
