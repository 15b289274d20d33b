// SPDX-License-Identifier: Apache-2.0
// Sources of proc.*, thread.*, user.*, group.* and container.*: fields of an entry of the process table, of
// the process itself, its parent or an ancestor. Twin of host/wire/fields/proc.ts and subject.ts, which read
// the same for outputs.

import type { FieldUse } from "../fields.js";
import { OF_ANCESTOR, OF_PARENT } from "../relatives.js";
import { containerId, factSource, fullId, hostOr, labelSource, labelsSource } from "./container-source.js";
import type { Base } from "./func-context.js";
import { ProcessFields } from "./process-fields.js";
import type { Program } from "./program.js";
import type { Source } from "./source.js";

/** The source of a field of the process table; undefined where there is no such field. */
export function processSource(program: Program, use: FieldUse): Source | undefined {
  const of = new ProcessFields(program);
  const row = ROWS[use.name];
  if (row) return row(of, "self", use.index);
  const parent = OF_PARENT[use.name];
  if (parent) return ROWS[parent]!(of, "parent", null);
  const leader = LEADERS[use.name];
  if (leader) return ROWS[leader[1]]!(of, leader[0], null);
  const ancestor = OF_ANCESTOR[use.name];
  if (!ancestor) return undefined;
  const isGeneration = use.index !== null && /^\d+$/.test(use.index);
  if (isGeneration) return ROWS[ancestor]!(of, Number(use.index), null);
  return { kind: "each", inner: ROWS[ancestor]!(of, "each", use.index) };
}

type Row = (of: ProcessFields, base: Base, arg: string | null) => Source;

const text =
  (field: string): Row =>
  (of, base) =>
    of.span(field, base);
const int =
  (field: string): Row =>
  (of, base) =>
    of.int(field, base);
const flag =
  (field: string, bit: number): Row =>
  (of, base) =>
    of.flag(field, bit, base);

const ROWS: Record<string, Row> = {
  "proc.pid": int("pid"),
  "proc.ppid": int("ppid"),
  "proc.vpid": int("vpid"),
  "proc.sid": int("sid"),
  "proc.pgid": int("pgid"),
  "proc.vpgid": int("pgid"),
  "proc.tty": int("tty"),
  "proc.name": text("name"),
  "proc.exe": text("exe"),
  "proc.exepath": text("exepath"),
  "proc.cwd": (of, base) => of.folder("cwd", base),
  "proc.args": (of, base, place) => (place === null ? of.joined("args", base) : of.entry("args", place, base)),
  "proc.env": (of, base, name) => (name === null ? of.joined("env", base) : of.variable(name, base)),
  "proc.cmdline": (of, base) => of.line("cmdline", "name", base),
  "proc.exeline": (of, base) => of.line("exeline", "exe", base),
  "proc.cmdnargs": (of, base) => of.count("args", base),
  "proc.cmdlenargs": (of, base) => of.length("args", base),
  "proc.loginshellid": (of, base) => of.loginShell(base),
  "proc.nthreads": int("threads"),
  "proc.nchilds": (of, base) => of.others("threads", base),
  "proc.fdlimit": int("fd_limit"),
  "proc.pid.ts": int("start_time"),
  "proc.duration": (of, base) => of.duration(base),
  "proc.is_exe_writable": flag("exe_flags", 1),
  "proc.is_exe_upper_layer": flag("exe_flags", 2),
  "proc.is_exe_from_memfd": flag("exe_flags", 4),
  "proc.is_exe_lower_layer": flag("exe_flags", 8),
  "proc.is_sid_leader": (of, base) => of.same("sid", base),
  "proc.is_vpgid_leader": (of, base) => of.same("pgid", base),
  "proc.is_pgid_leader": (of, base) => of.same("pgid", base),
  "proc.exe_ino": int("exe_ino"),
  "proc.exe_ino.ctime": int("exe_ctime"),
  "proc.exe_ino.mtime": int("exe_mtime"),
  "proc.exe_ino.ctime_duration_proc_start": (of, base) => of.difference("start_time", "exe_ctime", base),
  "proc.exe_ino.ctime_duration_pidns_start": (of, base) => of.difference("exe_ctime", "pidns_start", base, true),
  "proc.pidns_init_start_ts": int("pidns_start"),
  "proc.stdin.type": (of) => of.stream("stdin", "fd.type"),
  "proc.stdin.name": (of) => of.stream("stdin", "fd.name"),
  "proc.stdout.type": (of) => of.stream("stdout", "fd.type"),
  "proc.stdout.name": (of) => of.stream("stdout", "fd.name"),
  "proc.stderr.type": (of) => of.stream("stderr", "fd.type"),
  "proc.stderr.name": (of) => of.stream("stderr", "fd.name"),
  "thread.cgroups": text("cgroup"),
  "thread.cap_permitted": (of, base) => of.capabilities("cap_permitted", base),
  "thread.cap_effective": (of, base) => of.capabilities("cap_effective", base),
  "thread.cap_inheritable": (of, base) => of.capabilities("cap_inheritable", base),
  "user.uid": int("uid"),
  "user.name": text("user"),
  "user.homedir": text("home"),
  "user.shell": text("shell"),
  "user.loginuid": (of, base) => of.loginUid(base),
  "user.loginname": text("loginname"),
  "group.gid": int("gid"),
  "group.name": text("group"),
  "container.id": (of, base) => containerId(of, base),
  "container.full_id": (of, base) => fullId(of, base),
  "container.start_ts": int("pidns_start"),
  "container.duration": (of, base) => of.since("pidns_start", base),
  "container.name": (of, base) => hostOr(of, "name", base),
  "container.type": (of, base) => hostOr(of, "type", base),
  "container.privileged": (of, base) => of.yes("container_privileged", base),
  "container.image": () => factSource("image"),
  "container.image.id": () => factSource("imageId"),
  "container.image.repository": () => factSource("imageRepository"),
  "container.image.tag": () => factSource("imageTag"),
  "container.image.digest": () => factSource("imageDigest"),
  "container.ip": () => factSource("ip"),
  "container.labels": (of) => labelsSource(of.program),
  "container.label": (of, _, name) => labelSource(of.program, name!),
};

const LEADERS: Record<string, [Base, string]> = {
  "proc.sname": ["sid", "proc.name"],
  "proc.sid.exe": ["sid", "proc.exe"],
  "proc.sid.exepath": ["sid", "proc.exepath"],
  "proc.pgid.name": ["pgid", "proc.name"],
  "proc.pgid.exe": ["pgid", "proc.exe"],
  "proc.pgid.exepath": ["pgid", "proc.exepath"],
  "proc.vpgid.name": ["pgid", "proc.name"],
  "proc.vpgid.exe": ["pgid", "proc.exe"],
  "proc.vpgid.exepath": ["pgid", "proc.exepath"],
};
