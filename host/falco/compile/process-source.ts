// SPDX-License-Identifier: Apache-2.0
// Sources of proc.*, thread.*, user.*, group.* and container.*: fields of an entry of the process table, of the process itself, its
// parent or an ancestor. Twin of host/wire/fields/proc.ts and subject.ts, which read the same for outputs.
import { DESCRIPTOR_SIZE } from "../../../build/generated/events.js";
import { FACT_ENTRY, FACTS, FACTS_HEADER } from "../../wasm/facts.js";
import type { ContainerFact } from "../../wire/container.js";
import { PROCESS_AT } from "../../wire/layout.js";
import type { FieldUse } from "../fields.js";
import { descriptorSource } from "./descriptor-source.js";
import { type Base, call, type FuncContext, get, i64, load, load64, select, set, sym, tee } from "./func-context.js";
import { kFacts, kState } from "./layout.js";
import { namesSource } from "./names-source.js";
import type { Program } from "./program.js";
import { type BoolSource, type IntSource, kAbsent, keyOf, kNone, type Source, type TextSource } from "./source.js";
import { build, fixedText, kL, kP, noText, processText, readSpan, useText } from "./text-source.js";
import type { Tree } from "./wasm.js";

export function processSource(program: Program, use: FieldUse): Source | undefined {
  const of = new ProcessFields(program);
  const row = kRows[use.name];
  if (row) return row(of, "self", use.index);
  const parent = kParents[use.name];
  if (parent) return kRows[parent]!(of, "parent", null);
  const leader = kLeaders[use.name];
  if (leader) return kRows[leader[1]]!(of, leader[0], null);
  const ancestor = kAncestors[use.name];
  if (!ancestor) return undefined;
  const isGeneration = use.index !== null && /^\d+$/.test(use.index);
  if (isGeneration) return kRows[ancestor]!(of, Number(use.index), null);
  return { kind: "each", inner: kRows[ancestor]!(of, "each", use.index) };
}

type Row = (of: ProcessFields, base: Base, arg: string | null) => Source;

const at = (field: string): number => PROCESS_AT[field]!;
const text =
  (field: string): Row =>
  (of, base) =>
    of.span(field, base);
const int =
  (field: string): Row =>
  (of, base) =>
    of.int(field, base);
const joined =
  (field: string): Row =>
  (of, base) =>
    of.joined(field, base);
const flag =
  (field: string, bit: number): Row =>
  (of, base) =>
    of.flag(field, bit, base);

const kRows: Record<string, Row> = {
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
  "proc.cwd": text("cwd"),
  "proc.args": joined("args"),
  "proc.env": (of, base, name) => (name === null ? of.joined("env", base) : of.variable(name, base)),
  "proc.cmdline": (of, base) => of.line("cmdline", "name", base),
  "proc.exeline": (of, base) => of.line("exeline", "exe", base),
  "proc.cmdnargs": (of, base) => of.count("args", base),
  "proc.cmdlenargs": (of, base) => of.length("args", base),
  "proc.nthreads": int("threads"),
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
  "user.loginuid": (of, base) => of.loginUid(base),
  "user.loginname": text("loginname"),
  "group.gid": int("gid"),
  "group.name": text("group"),
  "container.id": (of, base) => of.container(base),
  "container.name": (of, base) => of.hostOr("name", base),
  "container.type": (of, base) => of.hostOr("type", base),
  "container.image": (of) => of.fact("image"),
  "container.image.id": (of) => of.fact("imageId"),
  "container.image.repository": (of) => of.fact("imageRepository"),
  "container.image.tag": (of) => of.fact("imageTag"),
  "container.image.digest": (of) => of.fact("imageDigest"),
};

const kParents: Record<string, string> = {
  "proc.pname": "proc.name",
  "proc.pexe": "proc.exe",
  "proc.pexepath": "proc.exepath",
  "proc.pcmdline": "proc.cmdline",
  "proc.pvpid": "proc.vpid",
  "proc.ppid.ts": "proc.pid.ts",
  "proc.ppid.duration": "proc.duration",
};
const kLeaders: Record<string, [Base, string]> = {
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
const kAncestors: Record<string, string> = {
  "proc.aname": "proc.name",
  "proc.aexe": "proc.exe",
  "proc.aexepath": "proc.exepath",
  "proc.acmdline": "proc.cmdline",
  "proc.aargs": "proc.args",
  "proc.apid": "proc.pid",
  "proc.aenv": "proc.env",
};

export class ProcessFields {
  constructor(private readonly program: Program) {}

  span(field: string, base: Base): TextSource {
    return {
      kind: "text",
      key: keyOf(field, base),
      scope: "process",
      base,
      cost: 1,
      vocabulary: `process ${field}`,
      cached: { base, slot: `word ${field}` },
      make: (f) => readSpan(f, f.process(base).entry, at(field)),
    };
  }

  int(field: string, base: Base): IntSource {
    const value = (f: FuncContext) => load64(f.process(base).entry, at(field));
    return { kind: "int", key: keyOf(field, base), scope: "process", base, isCheap: true, value };
  }

  // A strlist with blanks between.
  joined(field: string, base: Base): TextSource {
    const made = processText(this.program, field, base, (f) => [
      ...readSpan(f, get("$p"), at(field)),
      ["if", null, ["i32.ge_s", get(kL), 0], build(f, [call("$put_list", get(kP), get(kL))]), null],
    ]);
    return { ...made, entries: (f) => readSpan(f, f.process(base).entry, at(field)) };
  }

  // `head`, a blank and the arguments.
  line(kind: string, head: string, base: Base): TextSource {
    const args = this.span("args", "self");
    return processText(this.program, kind, base, (f) => [
      ...readSpan(f, get("$p"), at(head)),
      [
        "if",
        null,
        ["i32.ge_s", get(kL), 0],
        build(f, [
          call("$put", get(kP), get(kL)),
          ...args.make(f),
          ["if", null, ["i32.gt_s", get(kL), 0], [call("$put_byte", 32), call("$put_list", get(kP), get(kL))], null],
        ]),
        null,
      ],
    ]);
  }

  // The value of an environment variable.
  variable(name: string, base: Base): TextSource {
    const entry = `${name}=`;
    return processText(this.program, `env[${name}]`, base, (f) => {
      const end = f.local("$end");
      const { at: wanted, size } = this.program.text(entry);
      return [
        ...readSpan(f, get("$p"), at("env")),
        set(end, ["i32.add", get(kP), get(kL)]),
        [
          "if",
          null,
          tee(kP, call("$variable", get(kP), get(kL), wanted, size)),
          [set(kL, ["i32.sub", call("$entry_end", get(kP), get(end)), get(kP)])],
          [set(kL, -1)],
        ],
      ];
    });
  }

  capabilities(field: string, base: Base): Source {
    return namesSource(this.program, {
      key: keyOf(field, base),
      scope: "process",
      base,
      table: "capabilities",
      form: "bits",
      between: " ",
      emptyZero: true,
      value: (f) => load64(f.process(base).entry, at(field)),
    });
  }

  flag(field: string, bit: number, base: Base): BoolSource {
    const value = (f: FuncContext): Tree => {
      const flags = f.local("$flags", "i64");
      const isSet: Tree = ["i64.ne", ["i64.and", get(flags), i64(bit)], i64(0)];
      return truth(tee(flags, load64(f.process(base).entry, at(field))), isSet);
    };
    return { kind: "bool", key: keyOf(`${field}&${bit}`, base), scope: "process", base, value };
  }

  // Whether the process is the one that `field` names.
  same(field: string, base: Base): BoolSource {
    const value = (f: FuncContext): Tree => {
      const { entry } = f.process(base);
      const pid = f.local("$pid", "i64");
      return truth(tee(pid, load64(entry, at("pid"))), ["i64.eq", get(pid), load64(entry, at(field))]);
    };
    return { kind: "bool", key: keyOf(`pid=${field}`, base), scope: "process", base, value };
  }

  loginUid(base: Base): IntSource {
    const value = (f: FuncContext): Tree => {
      const uid = load64(f.process(base).entry, at("loginuid"));
      return select(i64(-1), uid, ["i64.eq", uid, i64(0xffffffff)]);
    };
    return { kind: "int", key: keyOf("loginuid", base), scope: "process", base, isCheap: true, value };
  }

  // ns from the clone to the event; none when the clone was not seen.
  duration(base: Base): IntSource {
    const value = (f: FuncContext): Tree => {
      const { entry } = f.process(base);
      const start = f.local("$begun", "i64");
      const known: Tree = [
        "i32.and",
        ["i64.eq", load64(entry, at("clone_seen")), i64(1)],
        ["i64.ne", get(start), i64(kAbsent)],
      ];
      return [
        "block",
        f.label(),
        "i64",
        set(start, load64(entry, at("start_time"))),
        select(["i64.sub", load64(get("$rec"), 8), get(start)], i64(kAbsent), known),
      ];
    };
    return { kind: "int", key: `event duration ${base}`, scope: "event", isCheap: true, value };
  }

  difference(minuend: string, subtrahend: string, base: Base): IntSource {
    const value = (f: FuncContext): Tree => {
      const { entry } = f.process(base);
      const [a, b] = [load64(entry, at(minuend)), load64(entry, at(subtrahend))];
      const known: Tree = ["i32.and", ["i64.ne", a, i64(kAbsent)], ["i64.ne", b, i64(kAbsent)]];
      return select(["i64.sub", a, b], i64(kAbsent), known);
    };
    return { kind: "int", key: keyOf(`${minuend}-${subtrahend}`, base), scope: "process", base, isCheap: true, value };
  }

  count(field: string, base: Base): IntSource {
    return this.ofSpan(field, base, "count", () => ["i64.extend_i32_u", call("$count_list", get(kP), get(kL))]);
  }

  // Without what stands between.
  length(field: string, base: Base): IntSource {
    return this.ofSpan(field, base, "length", () => [
      "i64.extend_i32_s",
      ["i32.sub", get(kL), call("$count_list", get(kP), get(kL))],
    ]);
  }

  private ofSpan(field: string, base: Base, what: string, make: () => Tree): IntSource {
    const value = (f: FuncContext): Tree => [
      "block",
      f.label(),
      "i64",
      ...readSpan(f, f.process(base).entry, at(field)),
      ["if", "i64", ["i32.lt_s", get(kL), 0], [i64(kAbsent)], [make()]],
    ];
    return { kind: "int", key: keyOf(`${what} ${field}`, base), scope: "process", base, isCheap: false, value };
  }

  stream(field: string, asked: string): Source {
    const descriptor = (f: FuncContext): Tree => {
      const index = f.local("$stream");
      const address: Tree = ["i32.add", load(0, kState.descriptors), ["i32.mul", get(index), DESCRIPTOR_SIZE]];
      return [
        "block",
        f.label(),
        "i32",
        set(index, load(f.process("self").entry, at(field))),
        select(sym("NULL_DESCRIPTOR"), address, ["i32.eq", get(index), -1]),
      ];
    };
    return descriptorSource(this.program, asked, { name: field, scope: "process", address: descriptor }) ?? kNone;
  }

  // What the orchestrator says; else `host` outside a container, and nothing without a process.
  container(base: Base): TextSource {
    const span = this.span("container_id", base);
    const own = (f: FuncContext): Tree[] => [
      ...span.make(f),
      [
        "if",
        null,
        ["i32.lt_s", get(kL), 0],
        [["if", null, ["i32.ne", f.process(base).entry, sym("NULL_PROCESS")], fixedText(f, this.program, kHost), null]],
        null,
      ],
    ];
    return {
      ...span,
      key: keyOf("container", base),
      vocabulary: "process container",
      cached: { base, slot: "word container" },
      make: (f) => [["if", null, load(kFacts, 0), factText(f, "id"), own(f)]],
    };
  }

  // What the orchestrator says; else `host` outside a container, and nothing in one.
  hostOr(fact: ContainerFact, base: Base): TextSource {
    const id = this.container(base);
    const { at: host, size } = this.program.text(kHost);
    const own = (f: FuncContext): Tree[] => [
      ...id.make(f),
      ["if", null, call("$eq", get(kP), get(kL), host, size), [], noText(f)],
    ];
    return {
      ...this.fact(fact),
      key: keyOf(`fact ${fact}`, base),
      base,
      make: (f) => [["if", null, load(kFacts, 0), factText(f, fact), own(f)]],
    };
  }

  // What the orchestrator says of the container that the batch came from.
  fact(fact: ContainerFact): TextSource {
    return {
      kind: "text",
      key: `fact ${fact}`,
      scope: "event",
      cost: 1,
      vocabulary: `fact ${fact}`,
      cached: null,
      make: (f) => [["if", null, load(kFacts, 0), factText(f, fact), noText(f)]],
    };
  }
}

const kHost = "host";

function factText(f: FuncContext, fact: ContainerFact): Tree[] {
  const entry = kFacts + FACTS_HEADER + FACT_ENTRY * FACTS.indexOf(fact);
  useText(f);
  return [
    set(kL, select(load(entry + 4, 0), -1, ["i32.ne", tee(kP, load(entry, 0)), -1])),
    set(kP, ["i32.add", get(kP), kFacts]),
  ];
}

// 2 without a number.
export function truth(number: Tree, isTrue: Tree): Tree {
  return ["if", "i32", ["i64.eq", number, i64(kAbsent)], [2], [isTrue]];
}
