// SPDX-License-Identifier: Apache-2.0
// Random conditions: each field with the operators it takes and with values that events may have.
import type { Random } from "./random.js";
import { NAMES, PATHS, USERS, V4, V6, WORDS } from "./random-values.js";

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
      "evt.count.error.file",
      "evt.count.error.net",
      "evt.count.error.memory",
      "evt.count.error.other",
      "evt.count.procinfo",
      "proc.loginshellid",
      "proc.nchilds",
      "thread.vtid",
    ],
    ops: ["=", "!=", "<", "<=", ">", ">="],
    lists: ["in"],
    values: ["0", "1", "-1", "3", "-2", "7", "100", "103", "33", "1000000000", "0x1ed", "2", "8", "34816", "500", "12"],
  },
  { fields: ["proc.vpid"], ops: ["=", "!="], lists: ["in", "intersects"], values: ["1", "1", "7"] },
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
      "evt.is_syslog",
      "evt.is_wait",
      "evt.is_async",
      "container.privileged",
    ],
    ops: ["=", "!="],
    lists: ["in"],
    values: ["true", "false"],
  },
  {
    fields: [
      "evt.category",
      "evt.latency.human",
      "evt.abspath",
      "evt.abspath.src",
      "evt.abspath.dst",
      "fd.uid",
      "fd.containername",
      "fd.containerdirectory",
      "fd.cproto",
      "fd.sproto",
      "fd.lproto",
      "fd.rproto",
      "thread.nametid",
    ],
    ops: TEXT_OPS,
    lists: LISTS,
    values: [
      "file",
      "net",
      "ipc",
      "IPC",
      "process",
      "memory",
      "unknown",
      "other",
      "1us",
      "us",
      "1.0",
      "ns",
      "ms",
      "4.29s",
      "/etc/shadow",
      "<UNKNOWN>/",
      "/a/c",
      "100",
      "103-1",
      "1053",
      ":/",
      ":/etc",
      "3ad7b26ded6d:/etc/shadow",
      "22",
      "443",
      "sh101",
      "cat",
    ],
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
    fields: ["fd.port", "fd.proto", "fd.sport", "fd.cport", "fd.lport", "fd.rport"],
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
export const EVENT_TYPES = [
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
  "renameat",
  "linkat",
  "mmap",
  "write",
  "close",
  "pipe2",
  "accept4",
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
  if (r.chance(0.01)) return `evt.around[${1_700_000_000_000_000_000n + BigInt(r.below(3000))}] = ${r.of([0, 1, 5])}`;
  if (field === "evt.type")
    return `evt.type ${r.chance(0.7) ? `in (${r.some(EVENT_TYPES, 5).join(", ")})` : `${r.of(["=", "!="])} ${r.of(EVENT_TYPES)}`}`;
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
