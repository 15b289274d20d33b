// SPDX-License-Identifier: Apache-2.0
// Sources of the fields of an entry of the process table, whoever's entry it is: the process's own, its
// parent's, an ancestor's.
import { DESCRIPTOR_SIZE } from "../../../build/generated/events.js";
import { PROCESS_AT } from "../../wire/layout.js";
import { descriptorSource } from "./descriptor-source.js";
import { type Base, call, type FuncContext, get, i64, load, load64, select, set, sym, tee } from "./func-context.js";
import { STATE } from "./layout.js";
import { namesSource } from "./names-source.js";
import type { Program } from "./program.js";
import { ABSENT, type BoolSource, type IntSource, keyOf, NONE, type Source, type TextSource } from "./source.js";
import { build, eachEntry, L, P, processText, readSpan } from "./text-source.js";
import type { Tree } from "./wasm.js";

const at = (field: string): number => PROCESS_AT[field]!;

/** Makes sources by the names of the process table in events.yaml. */
export class ProcessFields {
  constructor(readonly program: Program) {}

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

  /** A strlist with blanks between. */
  joined(field: string, base: Base): TextSource {
    const made = processText(this.program, field, base, (f) => [
      ...readSpan(f, get("$p"), at(field)),
      ["if", null, ["i32.ge_s", get(L), 0], build(f, [call("$put_list", get(P), get(L))]), null],
    ]);
    return { ...made, entries: (f) => readSpan(f, f.process(base).entry, at(field)) };
  }

  /** A folder as Falco has it, with a slash at its end. */
  folder(field: string, base: Base): TextSource {
    return processText(this.program, `${field}/`, base, (f) => {
      const isClosed: Tree = ["i32.eq", ["i32.load8_u", 0, ["i32.add", get(P), ["i32.sub", get(L), 1]]], 0x2f];
      const closed = build(f, [call("$put", get(P), get(L)), call("$put_byte", 0x2f)]);
      return [
        ...readSpan(f, get("$p"), at(field)),
        [
          "if",
          null,
          ["i32.ge_s", get(L), 0],
          [["if", null, ["if", "i32", ["i32.gt_s", get(L), 0], [isClosed], [0]], [], closed]],
          null,
        ],
      ];
    });
  }

  /** `head`, a blank and the arguments. */
  line(kind: string, head: string, base: Base): TextSource {
    const args = this.span("args", "self");
    return processText(this.program, kind, base, (f) => [
      ...readSpan(f, get("$p"), at(head)),
      [
        "if",
        null,
        ["i32.ge_s", get(L), 0],
        build(f, [
          call("$put", get(P), get(L)),
          ...args.make(f),
          ["if", null, ["i32.gt_s", get(L), 0], [call("$put_byte", 32), call("$put_list", get(P), get(L))], null],
        ]),
        null,
      ],
    ]);
  }

  /** One entry of a strlist, counted from 0. */
  entry(field: string, place: string, base: Base): TextSource {
    return processText(this.program, `${field}[${place}]`, base, (f) => {
      const left = f.local("$left");
      const [found, isFound] = [f.local("$entry"), f.local("$isFound")];
      const size = f.local("$entrySize");
      const here: Tree[] = [
        set(found, get("$from")),
        set(size, ["i32.sub", get("$next"), get("$from")]),
        set(isFound, 1),
      ];
      const walk = eachEntry(f, () => [
        ["if", null, ["i32.eqz", get(left)], here, null],
        set(left, ["i32.sub", get(left), 1]),
      ]);
      return [
        ...readSpan(f, get("$p"), at(field)),
        set(left, placeOf(place)),
        ["if", null, ["i32.ge_s", get(L), 0], walk, null],
        set(P, get(found)),
        set(L, select(get(size), -1, get(isFound))),
      ];
    });
  }

  /** The value of an environment variable. */
  variable(name: string, base: Base): TextSource {
    const entry = `${name}=`;
    return processText(this.program, `env[${name}]`, base, (f) => {
      const end = f.local("$end");
      const { at: wanted, size } = this.program.text(entry);
      return [
        ...readSpan(f, get("$p"), at("env")),
        set(end, ["i32.add", get(P), get(L)]),
        [
          "if",
          null,
          tee(P, call("$variable", get(P), get(L), wanted, size)),
          [set(L, ["i32.sub", call("$entry_end", get(P), get(end)), get(P)])],
          [set(L, -1)],
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

  yes(field: string, base: Base): BoolSource {
    const value = (f: FuncContext): Tree => {
      const answer = f.local("$answer", "i64");
      return truth(tee(answer, load64(f.process(base).entry, at(field))), ["i64.ne", get(answer), i64(0)]);
    };
    return { kind: "bool", key: keyOf(field, base), scope: "process", base, value };
  }

  /** Whether the process is the one that `field` names. */
  same(field: string, base: Base): BoolSource {
    const value = (f: FuncContext): Tree => {
      const { entry } = f.process(base);
      const pid = f.local("$pid", "i64");
      return truth(tee(pid, load64(entry, at("pid"))), ["i64.eq", get(pid), load64(entry, at(field))]);
    };
    return { kind: "bool", key: keyOf(`pid=${field}`, base), scope: "process", base, value };
  }

  /**
   * Whether it is what the agent started: it came in by no session, and nobody's clone made it. A capture
   * knows of no sessions.
   */
  isFirst(base: Base): BoolSource {
    const value = (f: FuncContext): Tree => {
      const { entry } = f.process(base);
      return ["i64.eqz", ["i64.or", load64(entry, at("session")), load64(entry, at("clone_seen"))]];
    };
    return { kind: "bool", key: keyOf("first", base), scope: "process", base, value };
  }

  loginUid(base: Base): IntSource {
    const value = (f: FuncContext): Tree => {
      const uid = load64(f.process(base).entry, at("loginuid"));
      return select(i64(-1), uid, ["i64.eq", uid, i64(0xffffffff)]);
    };
    return { kind: "int", key: keyOf("loginuid", base), scope: "process", base, isCheap: true, value };
  }

  /** ns from the clone to the event; none when the clone was not seen. */
  duration(base: Base): IntSource {
    const value = (f: FuncContext): Tree => {
      const { entry } = f.process(base);
      const start = f.local("$begun", "i64");
      const known: Tree = [
        "i32.and",
        ["i64.eq", load64(entry, at("clone_seen")), i64(1)],
        ["i64.ne", get(start), i64(ABSENT)],
      ];
      return [
        "block",
        f.label(),
        "i64",
        set(start, load64(entry, at("start_time"))),
        select(["i64.sub", load64(get("$rec"), 8), get(start)], i64(ABSENT), known),
      ];
    };
    return { kind: "int", key: `event duration ${base}`, scope: "event", isCheap: true, value };
  }

  /** ns from a time of the process to the event. */
  since(field: string, base: Base): IntSource {
    const value = (f: FuncContext): Tree => {
      const start = load64(f.process(base).entry, at(field));
      return select(["i64.sub", load64(get("$rec"), 8), start], i64(ABSENT), ["i64.ne", start, i64(ABSENT)]);
    };
    return { kind: "int", key: `event since ${field} ${base}`, scope: "event", isCheap: true, value };
  }

  /** `isLater`: only where the first is the later one. */
  difference(minuend: string, subtrahend: string, base: Base, isLater = false): IntSource {
    const value = (f: FuncContext): Tree => {
      const { entry } = f.process(base);
      const [a, b] = [load64(entry, at(minuend)), load64(entry, at(subtrahend))];
      const isMeant: Tree = isLater ? ["i64.gt_s", a, b] : ["i64.ne", a, i64(ABSENT)];
      const known: Tree = ["i32.and", isMeant, ["i64.ne", b, i64(ABSENT)]];
      return select(["i64.sub", a, b], i64(ABSENT), known);
    };
    return { kind: "int", key: keyOf(`${minuend}-${subtrahend}`, base), scope: "process", base, isCheap: true, value };
  }

  /** The pid of the oldest shell among the process and its ancestors. */
  loginShell(base: Base): IntSource {
    const value = (f: FuncContext): Tree => call("$login_shell", f.process(base).entry);
    return { kind: "int", key: keyOf("login shell", base), scope: "process", base, isCheap: false, value };
  }

  /** One less, but not below 0. */
  others(field: string, base: Base): IntSource {
    const value = (f: FuncContext): Tree => {
      const count = load64(f.process(base).entry, at(field));
      return select(["i64.sub", count, i64(1)], select(i64(ABSENT), i64(0), ["i64.eq", count, i64(ABSENT)]), [
        "i64.gt_s",
        count,
        i64(0),
      ]);
    };
    return { kind: "int", key: keyOf(`${field}-1`, base), scope: "process", base, isCheap: true, value };
  }

  count(field: string, base: Base): IntSource {
    return this.#ofSpan(field, base, "count", () => ["i64.extend_i32_u", call("$count_list", get(P), get(L))]);
  }

  /** Without what stands between. */
  length(field: string, base: Base): IntSource {
    return this.#ofSpan(field, base, "length", () => [
      "i64.extend_i32_s",
      ["i32.sub", get(L), call("$count_list", get(P), get(L))],
    ]);
  }

  #ofSpan(field: string, base: Base, what: string, make: () => Tree): IntSource {
    const value = (f: FuncContext): Tree => [
      "block",
      f.label(),
      "i64",
      ...readSpan(f, f.process(base).entry, at(field)),
      ["if", "i64", ["i32.lt_s", get(L), 0], [i64(ABSENT)], [make()]],
    ];
    return { kind: "int", key: keyOf(`${what} ${field}`, base), scope: "process", base, isCheap: false, value };
  }

  stream(field: string, asked: string): Source {
    const descriptor = (f: FuncContext): Tree => {
      const index = f.local("$stream");
      const address: Tree = ["i32.add", load(0, STATE.descriptors), ["i32.mul", get(index), DESCRIPTOR_SIZE]];
      return [
        "block",
        f.label(),
        "i32",
        set(index, load(f.process("self").entry, at(field))),
        select(sym("NULL_DESCRIPTOR"), address, ["i32.eq", get(index), -1]),
      ];
    };
    return descriptorSource(this.program, asked, { name: field, scope: "process", address: descriptor }) ?? NONE;
  }
}

// No list has so many entries as the largest i32.
const placeOf = (text: string): number => Math.min(Number(text), 0x7fff_ffff);

/** 2 without a number. */
export function truth(number: Tree, isTrue: Tree): Tree {
  return ["if", "i32", ["i64.eq", number, i64(ABSENT)], [2], [isTrue]];
}
