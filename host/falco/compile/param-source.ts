// SPDX-License-Identifier: Apache-2.0
// Sources of evt.arg and evt.rawarg: a parameter of one type of event, as a text or as its own type. Twin of
// host/wire/render.ts.
import { type EventType, type Field, HEADER_SIZE } from "../../../build/generated/events.js";
import { DESCRIPTOR_AT, isSpan, PROCESS_AT } from "../../wire/layout.js";
import { descriptorSource, OWN_DESCRIPTOR } from "./descriptor-source.js";
import { call, type FuncContext, get, i64, load64, set, tee } from "./func-context.js";
import { ERRNO_ROWS, namesSource } from "./names-source.js";
import { ProcessFields } from "./process-fields.js";
import type { Program } from "./program.js";
import { ABSENT, type NameRow, NONE, type Source, type TextSource } from "./source.js";
import { build, eventText, fixedText, L, noText, P, readSpan } from "./text-source.js";
import type { Tree } from "./wasm.js";

const CWD = -100n;
const NOBODY = 0xffffffffn;

/** evt.arg.NAME */
export function paramTextSource(program: Program, event: EventType, param: Field): Source {
  const key = `${event.name}.${param.name}`;
  if (param.type === "path" || param.type === "relpath") return pathText(program, event, param);
  if (isSpan(param) || param.type === "tuple") return spanText(program, event, param);
  const value = paramInt(param);
  const names = (table: string, form: "value" | "bits", rows?: readonly NameRow[]) =>
    namesSource(program, { key, scope: "event", table, form, value, ...(rows ? { rows } : {}) });
  if (param.name === "mode" && param.type === "uint") return number(program, key, value, "octal");
  switch (param.type) {
    case "hex":
      return number(program, key, value, "hex");
    case "uint":
      return number(program, key, value, "unsigned");
    case "errno":
      return names("-errno", "value", ERRNO_ROWS);
    case "fd":
      return names(
        param.from === null ? "fd" : "-errno",
        "value",
        param.from === null ? [CWD_ROW, ...ERRNO_ROWS] : ERRNO_ROWS,
      );
    case "sig":
      return names("signal", "value");
    case "mode":
      return names("mode", "bits");
    case "flags":
      return names(param.table!, "bits");
    case "enum":
      return names(param.table!, "value");
    case "bool":
      return names("bool", "value", BOOL_ROWS);
    case "uid":
      return ownerText(program, key, value, "uid", "user");
    case "gid":
      return ownerText(program, key, value, "gid", "group");
    default:
      return names("decimal", "value", []);
  }
}

const CWD_ROW: NameRow = { name: "AT_FDCWD", value: CWD, mask: -1n };
const BOOL_ROWS: readonly NameRow[] = [
  { name: "false", value: 0n, mask: -1n },
  { name: "true", value: 1n, mask: -1n },
];

/** evt.rawarg.NAME */
export function paramRawSource(program: Program, event: EventType, param: Field): Source {
  if (param.type === "bytes" || param.type === "sockaddr") return rawSpan(event, param);
  if (isSpan(param) || param.type === "tuple") return paramTextSource(program, event, param);
  const value = paramInt(param);
  const key = `${event.name}.${param.name}`;
  return { kind: "int", key, scope: "event", isCheap: true, value };
}

/** The bytes of a span as they were passed. */
export function rawSpan(event: EventType, param: Field): TextSource {
  return {
    kind: "text",
    key: `${event.name}.${param.name} raw`,
    scope: "event",
    cost: 1,
    vocabulary: `bytes ${param.name}`,
    cached: null,
    make: (f) => readSpan(f, get("$rec"), slotOf(param)),
  };
}

/** The number behind a parameter, wherever events.yaml takes it from. */
export function paramInt(param: Field): (f: FuncContext) => Tree {
  if (param.from === null) return () => load64(get("$rec"), slotOf(param));
  const own = INTS[param.from];
  if (own) return own;
  const field = PROCESS_INTS[param.from];
  if (field) return (f) => load64(f.process("self").entry, PROCESS_AT[field]!);
  const descriptor = DESCRIPTOR_INTS[param.from];
  if (descriptor) return () => load64(get("$d"), DESCRIPTOR_AT[descriptor]!);
  throw new Error(`the event contract takes ${param.name} from ${param.from}, which is no number`);
}

function slotOf(param: Field): number {
  return HEADER_SIZE + 8 * param.slot;
}

const INTS: Record<string, (f: FuncContext) => Tree> = {
  res: () => load64(get("$rec"), 24),
  tid: () => ["i64.load32_u", 16, get("$rec")],
  "fd.num": () => ["i64.extend_i32_s", ["i32.load", 36, get("$rec")]],
};
const PROCESS_INTS: Record<string, string> = {
  "proc.pid": "pid",
  "proc.ppid": "ppid",
  "proc.vpid": "vpid",
  "proc.pgid": "pgid",
  "proc.vpgid": "pgid",
  "proc.tty": "tty",
  "proc.fdlimit": "fd_limit",
  "proc.exe_flags": "exe_flags",
  "proc.exe_ino": "exe_ino",
  "proc.exe_ino.ctime": "exe_ctime",
  "proc.exe_ino.mtime": "exe_mtime",
  "thread.cap_inheritable": "cap_inheritable",
  "thread.cap_permitted": "cap_permitted",
  "thread.cap_effective": "cap_effective",
  "user.uid": "uid",
  "user.loginuid": "loginuid",
  "group.gid": "gid",
};
const DESCRIPTOR_INTS: Record<string, string> = { "fd.dev": "dev", "fd.ino": "ino" };

function spanText(program: Program, event: EventType, param: Field): Source {
  const of = new ProcessFields(program);
  switch (param.from) {
    case "proc.name":
    case "proc.exe":
    case "proc.exepath":
    case "proc.cwd":
      return of.span(param.from.slice(5), "self");
    case "thread.cgroups":
      return of.span("cgroup", "self");
    case "proc.args":
    case "proc.env":
      return of.joined(param.from.slice(5), "self");
    case "fd.name":
    case "fd.realpath":
      return descriptorSource(program, param.from, OWN_DESCRIPTOR) ?? NONE;
    default:
  }
  const key = `${event.name}.${param.name}`;
  const raw = rawSpan(event, param);
  if (param.type === "str") return { ...raw, key, vocabulary: `argument ${param.name}` };
  const puts: Record<string, string> = {
    strlist: "$put_list",
    bytes: "$put_printable",
    sockaddr: "$put_sockaddr",
    addr: "$put_address",
  };
  return eventText(program, key, 12, (f) => [
    ...raw.make(f),
    ["if", null, ["i32.ge_s", get(L), 0], build(f, [call(puts[param.type]!, get(P), get(L))]), null],
  ]);
}

// A relative path is joined with the working directory, or with what `dirfd` names where the record tells it.
// A chdir's process stands in the new directory already.
function pathText(program: Program, event: EventType, param: Field): Source {
  const before = param.type === "relpath" ? event.params[event.params.indexOf(param) - 1] : undefined;
  const directory = before?.type === "fd" ? paramInt(before) : null;
  return eventText(program, `${event.name}.${param.name}`, 10, (f) => {
    const [path, size] = [f.local("$path"), f.local("$size")];
    const keep: Tree[] = [set(P, get(path)), set(L, get(size))];
    const joinWith = (base: Tree[]): Tree[] => [
      ...base,
      [
        "if",
        null,
        ["i32.ge_s", get(L), 0],
        build(f, [call("$put_joined", get(P), get(L), get(path), get(size))]),
        keep,
      ],
    ];
    const withCwd = joinWith(readSpan(f, f.process("self").entry, PROCESS_AT.cwd!));
    const descriptor = (field: string) => readSpan(f, get("$d"), DESCRIPTOR_AT[field]!);
    const withDirectory = (dirfd: Tree): Tree[] => [
      ...descriptor("nameraw"),
      [
        "if",
        null,
        call("$eq", get(P), get(L), get(path), get(size)),
        [...descriptor("name"), ["if", null, ["i32.lt_s", get(L), 0], keep, null]],
        [["if", null, ["i64.eq", INTS["fd.num"]!(f), dirfd], joinWith(descriptor("name")), keep]],
      ],
    ];
    const dirfd = f.local("$dirfd", "i64");
    const isCwd = (value: Tree): Tree => [
      "i32.or",
      ["i64.eq", tee(dirfd, value), i64(CWD)],
      ["i64.eq", get(dirfd), i64(ABSENT)],
    ];
    const newDirectory = (): Tree[] => [
      ...readSpan(f, f.process("self").entry, PROCESS_AT.cwd!),
      ["if", null, ["i32.lt_s", get(L), 0], keep, null],
    ];
    const alone =
      event.name === "chdir" ? [["if", null, ["i64.eqz", INTS.res!(f)], newDirectory(), withCwd] as Tree] : withCwd;
    const relative = directory
      ? [["if", null, isCwd(directory(f)), withCwd, withDirectory(get(dirfd))] as Tree]
      : alone;
    const isRelative: Tree = [
      "if",
      "i32",
      ["i32.gt_s", get(L), 0],
      [["i32.ne", ["i32.load8_u", 0, get(P)], 0x2f]],
      [0],
    ];
    return [
      ...readSpan(f, get("$rec"), slotOf(param)),
      set(path, get(P)),
      set(size, get(L)),
      ["if", null, isRelative, relative, null],
    ];
  });
}

// The name where it is the process's own id or root's, else the number; <NONE> for -1.
function ownerText(program: Program, key: string, value: (f: FuncContext) => Tree, id: string, name: string): Source {
  return eventText(program, key, 10, (f) => {
    const v = f.local("$v", "i64");
    const own = load64(f.process("self").entry, PROCESS_AT[id]!);
    const digits = build(f, [call("$put_decimal", get(v))]);
    const isNobody: Tree = ["i32.or", ["i64.eq", get(v), i64(-1)], ["i64.eq", get(v), i64(NOBODY)]];
    const isRoot: Tree = ["i64.eqz", get(v)];
    return [
      [
        "if",
        null,
        ["i64.eq", tee(v, value(f)), i64(ABSENT)],
        noText(f),
        [
          [
            "if",
            null,
            isNobody,
            fixedText(f, program, "<NONE>"),
            [
              [
                "if",
                null,
                ["i64.eq", get(v), own],
                [
                  ...readSpan(f, f.process("self").entry, PROCESS_AT[name]!),
                  ["if", null, ["i32.lt_s", get(L), 0], digits, null],
                ],
                [["if", null, isRoot, fixedText(f, program, "root"), digits]],
              ],
            ],
          ],
        ],
      ],
    ];
  });
}

function number(
  program: Program,
  key: string,
  value: (f: FuncContext) => Tree,
  form: "hex" | "unsigned" | "octal",
): Source {
  return eventText(program, key, 12, (f) => {
    const v = f.local("$v", "i64");
    const base = i64(form === "hex" ? 16 : form === "octal" ? 8 : 10);
    const head: Tree[] = form === "hex" ? [call("$put_byte", 0x30), call("$put_byte", 0x78)] : [];
    if (form === "octal") head.push(["if", null, ["i64.ne", get(v), i64(0)], [call("$put_byte", 0x30)], null]);
    return [
      [
        "if",
        null,
        ["i64.eq", tee(v, value(f)), i64(ABSENT)],
        noText(f),
        build(f, [...head, call("$put_unsigned", get(v), base)]),
      ],
    ];
  });
}
