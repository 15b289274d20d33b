// SPDX-License-Identifier: Apache-2.0
// Events for which a rule may fire, for the tests of the policy that it becomes. A way through the condition
// is chosen (of an `or` one side), and each check on it says what its field should be. Whether the event does
// what it is meant to is not known here: the rule itself is asked.
import { TABLES } from "../../../build/generated/flags.js";
import { type Expr, fieldText, fromBytes } from "../condition.js";
import type { LoadedRule } from "../load.js";
import { Draft, type Part, type Written } from "./draft.js";

/** An event in the short form. */
export interface Example {
  readonly type: string;
  readonly written: Written;
}

type Check = Extract<Expr, { kind: "check" }>;

const WAYS = 40;
const TYPES_MAX = 8;

/** Events that may meet the rule, the plainest first. */
export function examplesOf(rule: LoadedRule): Example[] {
  return waysOf(rule, true);
}

/** Events of the rule's types that it may pass over: those that have nothing of it first. */
export function silentExamplesOf(rule: LoadedRule): Example[] {
  const plain = usualFirst(rule.events).flatMap((type) => [
    { type, written: { proc: { name: "program" } } },
    { type, written: { proc: { name: "program" }, fd: "/tmp/file" } },
    { type, written: { res: "EPERM", proc: { name: "program" } } },
  ]);
  return [...plain, ...waysOf(rule, false)];
}

function waysOf({ expr, events }: LoadedRule, wanted: boolean): Example[] {
  const examples: Example[] = [];
  for (let way = 0; way < WAYS; way++) {
    for (const type of usualFirst(events).slice(0, TYPES_MAX)) {
      const draft = new Draft(type);
      new Way(draft, way).make(expr, wanted);
      examples.push({ type, written: draft.written() });
    }
  }
  const seen = new Set<string>();
  return examples.filter((one) => !seen.has(JSON.stringify(one)) && seen.add(JSON.stringify(one)));
}

const USUAL = ["execve", "openat", "connect", "sendto", "unlinkat", "renameat2", "open"];
function usualFirst(events: readonly string[]): string[] {
  return [...USUAL.filter((name) => events.includes(name)), ...events.filter((name) => !USUAL.includes(name))];
}

/** One way through a condition. `way` 0 takes the first side of each `or`. */
class Way {
  #choices: number;
  /** A macro that is used twice is one tree, and macros of macros have as many ways as a power of two. */
  readonly #made = { true: new Set<Expr>(), false: new Set<Expr>() };

  constructor(
    readonly draft: Draft,
    way: number,
  ) {
    this.#choices = way;
  }

  make(expr: Expr, wanted: boolean): void {
    const made = this.#made[`${wanted}`];
    if (made.has(expr)) return;
    made.add(expr);
    switch (expr.kind) {
      case "and":
      case "or": {
        if ((expr.kind === "and") === wanted) for (const child of expr.children) this.make(child, wanted);
        else
          this.make(
            this.#chosen(expr.children.filter((child) => wanted || !isType(child))) ?? (expr.children[0] as Expr),
            wanted,
          );
        break;
      }
      case "not":
        this.make(expr.child, !wanted);
        break;
      case "check":
        if (wanted) this.#meet(expr);
        break;
      default:
    }
  }

  #chosen<T>(among: readonly T[]): T | undefined {
    if (among.length === 0) return undefined;
    const choice = among[this.#choices % among.length];
    this.#choices = Math.floor(this.#choices / among.length) + (this.#choices % 3);
    return choice;
  }

  #meet({ left, op, right }: Check): void {
    if (left.kind !== "field" || (right.kind !== "text" && right.kind !== "list")) return;
    const values = (right.kind === "text" ? [right.value] : right.values).map(fromBytes);
    const value = this.#chosen(values);
    const setter = SETTERS[fieldText(left)] ?? SETTERS[left.name] ?? setterOf(fieldText(left));
    if (value !== undefined) setter?.(this.draft, op, op === "!=" ? null : value);
  }
}

const isType = (expr: Expr): boolean =>
  expr.kind === "check" && expr.left.kind === "field" && expr.left.name === "evt.type";

/** `value` null: another one than is asked about. */
type Setter = (draft: Draft, op: string, value: string | null) => unknown;

const PARTS: Readonly<Record<string, Part>> = {
  startswith: "begin",
  bstartswith: "begin",
  endswith: "end",
  contains: "middle",
  icontains: "middle",
  bcontains: "middle",
};

const textAt =
  (key: string): Setter =>
  (draft, op, value) => {
    if (value === null) return;
    const plain =
      op === "glob" || op === "iglob" ? value.replace(/\[[!^]?(.)[^\]]*\]/g, "$1").replace(/[*?]/g, "x") : value;
    draft.text(key, PARTS[op] ?? "whole", plain);
  };
const numberAt =
  (key: string, other = 1): Setter =>
  (draft, op, value) => {
    const number = Number(value);
    if (value !== null && Number.isNaN(number)) return;
    draft.value(key, value === null ? other : op === ">" ? number + 1 : op === "<" ? number - 1 : number);
  };
const valueAt =
  (key: string): Setter =>
  (draft, _op, value) => {
    if (value !== null) draft.value(key, value);
  };
const flagAt =
  (key: string): Setter =>
  (draft, _op, value) => {
    if (value !== null) draft.flag(key, value);
  };
const opens =
  (flags: string): Setter =>
  (draft, _op, value) => {
    if (value === "true") for (const flag of flags.split("|")) draft.flag("arg:flags", flag);
  };
const exeFlag =
  (name: string): Setter =>
  (draft, _op, value) => {
    if (value === "true") draft.flag("0:exe_flags", name);
  };
const TYPE_CHARS: Readonly<Record<string, string>> = {
  file: "f",
  directory: "d",
  ipv4: "4",
  ipv6: "6",
  unix: "u",
  pipe: "p",
};
const addressOf = (value: string): string => value.replace(/\/\d+$/, "");
const addressAt =
  (key: string): Setter =>
  (draft, _op, value) => {
    draft.value("fd:type", value?.includes(":") === true ? "6" : "4");
    if (value !== null) draft.value(key, addressOf(value));
  };
const resAt: Setter = (draft, _op, value) => {
  if (value !== null && value !== "SUCCESS") draft.value("res", /^E[A-Z0-9]+$/.test(value) ? value : "EACCES");
};

const OF_PROCESS: Readonly<Record<string, string>> = {
  "proc.name": "name",
  "proc.exe": "exe",
  "proc.exepath": "exepath",
  "proc.cmdline": "cmdline",
  "proc.args": "args",
};

const SETTERS: Readonly<Record<string, Setter>> = {
  "proc.cwd": textAt("0:cwd"),
  "user.name": textAt("0:user"),
  "user.loginname": textAt("0:loginname"),
  "user.homedir": textAt("0:home"),
  "user.shell": textAt("0:shell"),
  "group.name": textAt("0:group"),
  "thread.cgroups": textAt("0:cgroup"),
  "user.uid": numberAt("0:uid", 1000),
  "user.loginuid": numberAt("0:loginuid", 1000),
  "group.gid": numberAt("0:gid", 1000),
  "proc.tty": numberAt("0:tty", 34816),
  "proc.pid": numberAt("0:pid", 1000),
  "proc.vpid": numberAt("0:vpid", 1000),
  "proc.ppid": numberAt("0:ppid", 999),
  "proc.is_exe_upper_layer": exeFlag("EXE_UPPER_LAYER"),
  "proc.is_exe_writable": exeFlag("EXE_WRITABLE"),
  "proc.is_exe_from_memfd": exeFlag("EXE_FROM_MEMFD"),
  "proc.is_exe_lower_layer": exeFlag("EXE_LOWER_LAYER"),
  "proc.is_vpgid_leader": (draft, _op, value) => value === "true" && draft.value("0:pgid", 1000),
  "proc.is_sid_leader": (draft, _op, value) => value === "true" && draft.value("0:sid", 1000),
  "thread.cap_permitted": flagAt("0:cap_permitted"),
  "thread.cap_effective": flagAt("0:cap_effective"),
  "thread.cap_inheritable": flagAt("0:cap_inheritable"),
  "container.id": (draft, _op, value) => value !== "host" && draft.value("0:container", true),
  "container.privileged": (draft, _op, value) => value === "true" && draft.value("0:privileged", true),
  "fd.name": textAt("fd:name"),
  "fd.nameraw": textAt("arg:name"),
  "fd.realpath": textAt("fd:name"),
  "fd.directory": textAt("fd:directory"),
  "fd.filename": textAt("fd:filename"),
  "fd.typechar": valueAt("fd:type"),
  "fd.type": (draft, _op, value) => value !== null && draft.value("fd:type", TYPE_CHARS[value] ?? value),
  "fd.l4proto": (draft, _op, value) => draft.value("fd:l4proto", value ?? "tcp"),
  "fd.sockfamily": (draft, _op, value) => value === "ip" && draft.value("fd:type", "4"),
  "fd.connected": (draft, _op, value) => value === "true" && draft.value("fd:l4proto", "tcp"),
  "fd.sip": addressAt("fd:sip"),
  "fd.snet": addressAt("fd:sip"),
  "fd.rip": addressAt("fd:sip"),
  "fd.rnet": addressAt("fd:sip"),
  "fd.ip": addressAt("fd:sip"),
  "fd.net": addressAt("fd:sip"),
  "fd.cip": addressAt("fd:cip"),
  "fd.cnet": addressAt("fd:cip"),
  "fd.sport": numberAt("fd:sport", 8443),
  "fd.rport": numberAt("fd:sport", 8443),
  "fd.port": numberAt("fd:sport", 8443),
  "fd.cport": numberAt("fd:cport", 40001),
  "evt.res": resAt,
  "evt.arg.res": resAt,
  "evt.rawres": numberAt("res", 1),
  "evt.failed": (draft, _op, value) => value === "true" && draft.value("res", "EACCES"),
  "evt.is_open_read": opens("O_RDONLY"),
  "evt.is_open_write": opens("O_WRONLY"),
  "evt.is_open_create": opens("O_WRONLY|O_CREAT"),
  "evt.is_open_exec": (draft, _op, value) => {
    opens("O_WRONLY|O_CREAT")(draft, "=", value);
    draft.value("arg:mode", "0755");
  },
  "evt.buffer": textAt("arg:data"),
  "evt.arg.mode": (draft, _op, value) => {
    const row = TABLES.mode?.rows.find(({ name }) => name === value);
    if (row !== undefined) draft.value("arg:mode", `0${(row.value | 0o755n).toString(8)}`);
  },
  "evt.arg.uid": (draft, _op, value) =>
    value !== null && draft.value("arg:uid", value === "root" ? 0 : Number(value) || 1000),
  "fs.path.name": textAt("fd:name"),
};

/** Of an ancestor, or a parameter. */
function setterOf(field: string): Setter | undefined {
  const parent = /^proc\.p(name|exe|exepath|cmdline|args)$/.exec(field)?.[1];
  if (parent !== undefined) return textAt(`1:${parent}`);
  const own = OF_PROCESS[field];
  if (own !== undefined) return textAt(`0:${own}`);
  const [, ancestor, level] = /^proc\.a(name|exe|exepath|cmdline|args)(?:\[(\d)\])?$/.exec(field) ?? [];
  if (ancestor !== undefined) return textAt(`${level ?? 1}:${ancestor}`);
  const param = /^evt\.arg[.[](\w+)\]?$/.exec(field)?.[1];
  return param === undefined
    ? undefined
    : (draft, op, value) => {
        if (value !== null && op === "contains" && /^[A-Z][A-Z0-9_]+$/.test(value)) draft.flag(`arg:${param}`, value);
        else textAt(`arg:${param}`)(draft, op, value);
      };
}
