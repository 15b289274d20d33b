// SPDX-License-Identifier: Apache-2.0
// Sources of evt.*, and the way to the source of any field. Twin of host/wire/fields/evt.ts. Much of it is
// settled by the type of the event alone: whether it is a read, which parameter holds the payload.
import type { EventType, Field } from "../../../build/generated/events.js";
import { SIZES, SYSTEM_LOG } from "../../wire/fields/evt.js";
import { ABSOLUTE, PATHS, UNKNOWN_DIRECTORY } from "../../wire/fields/fs.js";
import { INTEGRITY, isSpan, PROCESS_AT, RecordFlag, TIERS } from "../../wire/layout.js";
import { type FieldUse, STATIC_NAME } from "../fields.js";
import { containerIdOrNothing } from "./container-source.js";
import { descriptorSource, OWN_DESCRIPTOR } from "./descriptor-source.js";
import { questionName, questionType } from "./dns-source.js";
import { and, call, type FuncContext, get, i64, load64, select, set } from "./func-context.js";
import { categorySource, failureSource, hasFailed, hasReturned } from "./kind-source.js";
import { STATE } from "./layout.js";
import { ERRNO_ROWS, namesSource } from "./names-source.js";
import { paramInt, paramRawSource, paramTextSource, rawSpan } from "./param-source.js";
import { processSource } from "./process-source.js";
import type { Program } from "./program.js";
import { ABSENT, type BoolSource, type FixedSource, type IntSource, NONE, type Source } from "./source.js";
import { build, eventText, L, noText, P, readSpan } from "./text-source.js";
import type { Tree } from "./wasm.js";

/** The source of any field for events of this type. A field that the type never has gives NONE. */
export function fieldSource(program: Program, use: FieldUse, event: EventType): Source {
  const own = ROWS[use.name];
  if (own) return own({ program, event, arg: use.index ?? "" });
  return processSource(program, use) ?? eventDescriptor(program, use) ?? NONE;
}

function eventDescriptor(program: Program, use: FieldUse): Source | undefined {
  return descriptorSource(program, use.name, OWN_DESCRIPTOR);
}

interface Asked {
  readonly program: Program;
  readonly event: EventType;
  readonly arg: string;
}

const SECOND = 1_000_000_000n;
/** Types of events that read a descriptor. */
export const READS = new Set(
  "read pread readv preadv preadv2 recvfrom recvmsg recvmmsg getdents64 process_vm_readv".split(" "),
);
/** Types of events that write one. */
export const WRITES = new Set(
  "write pwrite writev pwritev pwritev2 sendto sendmsg sendmmsg sendfile copy_file_range splice tee vmsplice process_vm_writev".split(
    " ",
  ),
);
const OPENS = new Set(["open", "openat", "openat2", "open_by_handle_at"]);
/** Names of parameters that hold what was read or written. */
export const PAYLOADS = new Set(["data", "value", "img"]);
const OPEN_FLAGS = { accessMode: 3, writeOnly: 1, create: 0x40, temporary: 0x410000 };
const EXECUTE_BITS = 0o111;

const time = (): Tree => load64(get("$rec"), 8);
const latency = (): Tree => ["i64.load32_u", 32, get("$rec")];
const result = (): Tree => load64(get("$rec"), 24);
const tid = (): Tree => ["i64.load32_u", 16, get("$rec")];

const fixed = (value: string): FixedSource => ({ kind: "fixed", value });
const int = (key: string, value: (f: FuncContext) => Tree): IntSource => ({
  kind: "int",
  key: `event ${key}`,
  scope: "event",
  isCheap: true,
  value,
});
const bool = (key: string, value: (f: FuncContext) => Tree): BoolSource => ({
  kind: "bool",
  key: `event ${key}`,
  scope: "event",
  value,
});
const settled = (isTrue: boolean): BoolSource => bool(String(isTrue), () => (isTrue ? 1 : 0));
// By position or by name.
const argumentOf = (event: EventType, arg: string): Field | undefined =>
  /^\d+$/.test(arg) ? event.params[Number(arg)] : named(event, arg);
const named = (event: EventType, name: string): Field | undefined => event.params.find((param) => param.name === name);
const isIn =
  (set: Set<string>) =>
  ({ event }: Asked) =>
    settled(set.has(event.name));

const ROWS: Record<string, (asked: Asked) => Source> = {
  "evt.num": () => int("num", () => ["i64.add", load64(0, STATE.first), ["i64.extend_i32_u", get("$index")]]),
  "evt.rawtime": () => int("time", time),
  "evt.rawtime.s": () => int("time.s", () => ["i64.div_u", time(), i64(SECOND)]),
  "evt.rawtime.ns": () => int("time.ns", () => ["i64.rem_u", time(), i64(SECOND)]),
  "evt.latency": () => int("latency", latency),
  "evt.latency.s": () => int("latency.s", () => ["i64.div_u", latency(), i64(SECOND)]),
  "evt.latency.ns": () => int("latency.ns", () => ["i64.rem_u", latency(), i64(SECOND)]),
  "evt.latency.human": ({ program }) =>
    eventText(program, "latency.human", 20, (f) => build(f, [call("$put_duration", latency())])),
  "evt.dir": () => fixed("<"),
  "evt.source": () => fixed("syscall"),
  [STATIC_NAME]: ({ arg }) => fixed(arg),
  "evt.type": ({ event }) => fixed(event.name),
  "evt.type.is": ({ event, arg }) => int(`is ${arg}`, () => i64(event.name === arg ? 1 : 0)),
  "syscall.type": ({ event }) => (event.calls[0] === undefined ? NONE : fixed(event.calls[0])),
  "evt.arg": ({ program, event, arg }) => {
    const param = argumentOf(event, arg);
    return param ? paramTextSource(program, event, param) : NONE;
  },
  "evt.rawarg": ({ program, event, arg }) => {
    const param = argumentOf(event, arg);
    return param ? paramRawSource(program, event, param) : NONE;
  },
  "evt.args": ({ program, event }) => argumentLine(program, event),
  "evt.info": ({ program, event }) => argumentLine(program, event),
  "evt.buffer": ({ event }) => {
    const param = payloadOf(event);
    return param ? rawSpan(event, param) : NONE;
  },
  ...Object.fromEntries(Object.keys(SIZES).map((name) => [name, (asked: Asked) => sizeSource(name, asked)])),
  "evt.res": ({ program }) =>
    namesSource(program, {
      key: "event res",
      scope: "event",
      table: "-errno",
      rows: ERRNO_ROWS,
      form: "value",
      positive: "SUCCESS",
      value: result,
    }),
  "evt.rawres": () => int("res", result),
  "evt.failed": () => bool("failed", () => select(hasFailed(), 2, hasReturned())),
  "evt.count": () => int("1", () => i64(1)),
  "evt.count.exit": () => int("1", () => i64(1)),
  "evt.count.error": ({ event }) => failureSource(event, "any"),
  "evt.count.error.file": ({ event }) => failureSource(event, "file"),
  "evt.count.error.net": ({ event }) => failureSource(event, "net"),
  "evt.count.error.memory": ({ event }) => failureSource(event, "memory"),
  "evt.count.error.other": ({ event }) => failureSource(event, "other"),
  "evt.count.procinfo": () => int("0", () => i64(0)),
  "evt.count.threadinfo": () => int("0", () => i64(0)),
  "evt.category": ({ program, event }) => categorySource(program, event),
  "evt.is_async": () => settled(false),
  "evt.is_wait": () => settled(false),
  "evt.is_syslog": (asked) => syslogSource(asked),
  "evt.abspath": (asked) => absoluteSource(asked, "src"),
  "evt.abspath.src": (asked) => absoluteSource(asked, "src"),
  "evt.abspath.dst": (asked) => absoluteSource(asked, "dst"),
  "evt.is_io": ({ event }) => settled(READS.has(event.name) || WRITES.has(event.name)),
  "evt.is_io_read": isIn(READS),
  "evt.is_io_write": isIn(WRITES),
  "evt.io_dir": ({ event }) => (READS.has(event.name) ? fixed("read") : WRITES.has(event.name) ? fixed("write") : NONE),
  "evt.is_open_read": openAs("read", (flags) => ["i32.ne", and(flags, OPEN_FLAGS.accessMode), OPEN_FLAGS.writeOnly]),
  "evt.is_open_write": openAs("write", (flags) => ["i32.ne", and(flags, OPEN_FLAGS.accessMode), 0]),
  "evt.is_open_create": openAs("create", (flags) =>
    and(["i32.ne", and(flags, OPEN_FLAGS.create), 0], ["i64.ge_s", result(), i64(0)]),
  ),
  "evt.is_open_exec": (asked) => openExecutable(asked),
  "fd.num": ({ event }) => descriptorNumber(event),
  "fd.uid": ({ program, event }) => descriptorUid(program, event),
  "fd.containername": ({ program }) => inContainer(program, "fd.name"),
  "fd.containerdirectory": ({ program }) => inContainer(program, "fd.directory"),
  "fs.path.name": ({ program, event }) => pathSource(program, event, "name", false),
  "fs.path.nameraw": ({ program, event }) => pathSource(program, event, "name", true),
  "fs.path.source": ({ program, event }) => pathSource(program, event, "source", false),
  "fs.path.sourceraw": ({ program, event }) => pathSource(program, event, "source", true),
  "fs.path.target": ({ program, event }) => pathSource(program, event, "target", false),
  "fs.path.targetraw": ({ program, event }) => pathSource(program, event, "target", true),
  "dns.question.name": ({ program, event }) => questionName(program, event),
  "dns.question.type": ({ program, event }) => questionType(program, event),
  "vedette.integrity": ({ program }) =>
    namesSource(program, {
      key: "event integrity",
      scope: "event",
      table: "integrity",
      rows: [false, true].map((stops) => ({ name: INTEGRITY[Number(stops)]!, value: BigInt(stops), mask: -1n })),
      form: "value",
      value: (f) => {
        const stops: Tree = ["i64.extend_i32_u", ["i64.ne", stopsFor(f), i64(0)]];
        return select(i64(ABSENT), stops, ["i64.eq", stopsFor(f), i64(ABSENT)]);
      },
    }),
  "vedette.integrity.reason": ({ program }) =>
    namesSource(program, {
      key: "event integrity.reason",
      scope: "event",
      table: "integrity_reason",
      form: "value",
      value: (f) => select(i64(ABSENT), stopsFor(f), ["i64.eqz", stopsFor(f)]),
    }),
  "thread.tid": () => int("tid", tid),
  "thread.ismain": () => bool("ismain", (f) => ["i64.eq", tid(), ofProcess(f, "pid")]),
  // The first thread has its process's number; of others it is known where the process has the same number in
  // both namespaces.
  "thread.vtid": () =>
    int("vtid", (f) => {
      const [pid, vpid] = [ofProcess(f, "pid"), ofProcess(f, "vpid")];
      const other = select(tid(), i64(ABSENT), and(["i64.eq", pid, vpid], ["i64.ne", vpid, i64(ABSENT)]));
      return select(vpid, other, ["i64.eq", tid(), pid]);
    }),
  "thread.nametid": ({ program }) =>
    eventText(program, "nametid", 10, (f) => [
      ...readSpan(f, f.process("self").entry, PROCESS_AT.name!),
      ["if", null, isThere, build(f, [call("$put", get(P), get(L)), call("$put_decimal", tid())]), null],
    ]),
};

const isThere: Tree = ["i32.ge_s", get(L), 0];
const ofProcess = (f: FuncContext, field: string): Tree => load64(f.process("self").entry, PROCESS_AT[field]!);
const isInline: Tree = ["i32.eq", and(["i32.load16_u", 2, get("$rec")], RecordFlag.tierMask), TIERS.indexOf("inline")];
// An inline event is its process's own word, whatever has been found out about it since.
const stopsFor = (f: FuncContext): Tree => select(i64(0), ofProcess(f, "integrity_reason"), isInline);

// -1 for a descriptor that an open did not get; nothing where an event has none.
function descriptorNumber(event: EventType): IntSource {
  const number: Tree = ["i64.extend_i32_s", ["i32.load", 36, get("$rec")]];
  if (event.params.some((param) => param.type === "fd" && param.from !== null)) return int("fd", () => number);
  return int("fd or none", () => select(number, i64(ABSENT), ["i64.ge_s", number, i64(0)]));
}

// Thread and descriptor, one behind the other.
function descriptorUid(program: Program, event: EventType): Source {
  const number = descriptorNumber(event);
  return eventText(program, `${number.key} uid`, 10, (f) => {
    const fd = f.local("$fd", "i64");
    const made = build(f, [call("$put_decimal", tid()), call("$put_decimal", get(fd))]);
    return [set(fd, number.value(f)), ["if", null, ["i64.eq", get(fd), i64(ABSENT)], noText(f), made]];
  });
}

// `3ad7b26ded6d:/etc/passwd`; outside a container nothing stands before the colon.
function inContainer(program: Program, field: string): Source {
  const source = descriptorSource(program, field, OWN_DESCRIPTOR);
  if (source?.kind !== "text") return NONE;
  return eventText(program, `${field} in container`, source.cost + 10, (f) => {
    const [at, size] = [f.local("$at"), f.local("$size")];
    const made = build(f, [call("$put", get(P), get(L)), call("$put_byte", 0x3a), call("$put", get(at), get(size))]);
    return [
      ...source.make(f),
      set(at, get(P)),
      set(size, get(L)),
      ["if", null, isThere, [...containerIdOrNothing(program, f), ...made], null],
    ];
  });
}

// A write to what is called after the system log's socket.
function syslogSource({ program, event }: Asked): Source {
  const name = descriptorSource(program, "fd.name", OWN_DESCRIPTOR);
  if (!WRITES.has(event.name) || name?.kind !== "text") return settled(false);
  const { at, size } = program.text(SYSTEM_LOG);
  return bool("syslog", (f) => [
    "block",
    f.label(),
    "i32",
    ...name.make(f),
    ["if", "i32", isThere, [call("$contains", get(P), get(L), at, size)], [0]],
  ]);
}

// evt.abspath: the parameter's path, normalised; what stays relative is in a directory that the record does
// not name.
function absoluteSource({ program, event }: Asked, of: keyof typeof ABSOLUTE): Source {
  const param = event.params.find((one) => one.name === ABSOLUTE[of][event.name]);
  const path = param && paramTextSource(program, event, param);
  if (path?.kind !== "text") return NONE;
  return eventText(program, `${path.key} absolute`, path.cost + 10, (f) => {
    const unknown = program.text(UNKNOWN_DIRECTORY);
    const isRooted: Tree = ["i32.eq", ["i32.load8_u", 0, get(P)], 0x2f];
    const [rooted, relative] = [
      build(f, [call("$put_joined", 0, 0, get(P), get(L))]),
      build(f, [call("$put", unknown.at, unknown.size), call("$put", get(P), get(L))]),
    ];
    const made: Tree = ["if", null, isRooted, rooted, relative];
    return [...path.make(f), ["if", null, ["i32.gt_s", get(L), 0], [made], noText(f)]];
  });
}

// evt.buflen and its kind: the result of a read or a write.
function sizeSource(name: string, { program, event }: Asked): Source {
  const { events, chars } = SIZES[name]!;
  const type = descriptorSource(program, "fd.typechar", OWN_DESCRIPTOR);
  if (!events.has(event.name) || type?.kind !== "names") return NONE;
  const isMeant = (f: FuncContext): Tree => {
    if (chars === null) return ["i64.ne", type.value(f), i64(ABSENT)];
    const isChar = [...chars].map((char): Tree => ["i64.eq", type.value(f), i64(BigInt(char.charCodeAt(0)))]);
    return isChar.reduce((a, b) => ["i32.or", a, b]);
  };
  return int(name, (f) => select(result(), i64(ABSENT), and(["i64.ge_s", result(), i64(0)], isMeant(f))));
}

// fs.path.*: nothing where the call failed.
function pathSource(program: Program, event: EventType, of: keyof typeof PATHS, isRaw: boolean): Source {
  const param = event.params.find((one) => one.name === PATHS[of][event.name]);
  if (!param) return NONE;
  const path = !isSpan(param)
    ? descriptorSource(program, "fd.name", OWN_DESCRIPTOR)
    : isRaw && param.from === null
      ? rawSpan(event, param)
      : paramTextSource(program, event, param);
  if (path?.kind !== "text") return NONE;
  return {
    ...path,
    key: `${path.key} done`,
    scope: "event",
    cached: null,
    make: (f) => [["if", null, hasFailed(), noText(f), path.make(f)]],
  };
}

function payloadOf(event: EventType): Field | undefined {
  return event.params.find((param) => param.type === "bytes" && PAYLOADS.has(param.name));
}

// Open flags as an i32, undefined where the event opens nothing. creat opens for writing.
function openFlags(event: EventType): ((f: FuncContext) => Tree) | undefined {
  if (event.name === "creat") return () => OPEN_FLAGS.writeOnly | OPEN_FLAGS.create;
  if (!OPENS.has(event.name)) return undefined;
  const value = paramInt(named(event, "flags")!);
  return (f) => ["i32.wrap_i64", value(f)];
}

function openAs(what: string, test: (flags: Tree) => Tree): (asked: Asked) => Source {
  return ({ event }) => {
    const flags = openFlags(event);
    return flags ? bool(`open ${what}`, (f) => test(flags(f))) : settled(false);
  };
}

// A file made with an executable mode.
function openExecutable({ event }: Asked): Source {
  const flags = openFlags(event);
  const mode = named(event, "mode");
  if (!flags || !mode) return settled(false);
  const makes = (f: FuncContext): Tree => [
    "i32.or",
    ["i32.ne", and(flags(f), OPEN_FLAGS.create), 0],
    ["i32.eq", and(flags(f), OPEN_FLAGS.temporary), OPEN_FLAGS.temporary],
  ];
  const value = paramInt(mode);
  return bool("open exec", (f) => and(makes(f), ["i32.ne", and(["i32.wrap_i64", value(f)], EXECUTE_BITS), 0]));
}

// `fd=3 name=/etc/hosts flags=O_RDONLY`
function argumentLine(program: Program, event: EventType): Source {
  return eventText(program, `${event.name} args`, 200, (f) => {
    // Texts are made one after another; only then are they put together.
    const pieces = event.params.map((param, i) => {
      const source = paramTextSource(program, event, param);
      const text = source.kind === "names" ? source.text : source;
      const [at, size] = [f.local(`$at${i}`), f.local(`$size${i}`)];
      const make = text.kind === "text" ? text.make(f) : noText(f);
      return { param, make: [...make, set(at, get(P)), set(size, get(L))], at, size };
    });
    const put = (text: string): Tree => call("$put", program.text(text).at, text.length);
    const puts = pieces.flatMap(({ param, at, size }, i): Tree[] => [
      put(`${i === 0 ? "" : " "}${param.name}=`),
      ["if", null, ["i32.lt_s", get(size), 0], [put("<NA>")], [call("$put", get(at), get(size))]],
    ]);
    return [...pieces.flatMap((piece) => piece.make), ...build(f, puts)];
  });
}
