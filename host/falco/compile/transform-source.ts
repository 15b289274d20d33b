// SPDX-License-Identifier: Apache-2.0
// Sources of transformed values: tolower() and the others, each a text or a number made from the sources of
// its arguments.

import type { BoundOperand } from "../bind.js";
import type { TextValue } from "../condition.js";
import { call, type FuncContext, get, i64, set } from "./func-context.js";
import type { Program } from "./program.js";
import { ABSENT, NONE, type Source, type TextSource } from "./source.js";
import { build, eachEntry, eventText, fixedText, L, P } from "./text-source.js";
import type { Tree } from "./wasm.js";

/** Gives the source of an operand. */
export type Resolve = (operand: BoundOperand) => Source;

/** `list` gives the strlist behind a text of joined arguments, which getopt() and join() walk through. */
export function transformSource(
  program: Program,
  operand: Extract<BoundOperand, { kind: "transform" }>,
  resolve: Resolve,
  list: (operand: BoundOperand) => TextSource | undefined,
): Source {
  const args = operand.args.map((arg) =>
    arg.kind === "text" ? fixedSource(program, arg) : textOf(program, resolve(arg)),
  );
  const [first] = args;
  const key = (...keys: (TextSource | undefined)[]) =>
    `${operand.name}[${operand.arg ?? ""}](${keys.map((k) => k?.key).join()})`;
  switch (operand.name) {
    case "tolower":
    case "toupper":
      return first
        ? changed(program, key(first), first, [
            call(operand.name === "tolower" ? "$put_lower" : "$put_upper", get(P), get(L)),
          ])
        : NONE;
    case "b64":
      return first ? base64(program, key(first), first) : NONE;
    case "basename":
      return first ? basename(program, key(first), first) : NONE;
    case "len":
      return lengthOf(program, operand.args[0] as BoundOperand, resolve, list);
    case "concat":
      return args.includes(undefined) ? NONE : joined(program, key(...args), args as TextSource[]);
    case "join": {
      const source = list(operand.args[1] as BoundOperand);
      return first && source ? joinedList(program, key(first, source), first, source) : NONE;
    }
    default: {
      const source = list(operand.args[0] as BoundOperand);
      return source && args[1] ? options(program, key(source, args[1]), source, args[1], operand.arg) : NONE;
    }
  }
}

function textOf(program: Program, source: Source): TextSource | undefined {
  if (source.kind === "text") return source;
  if (source.kind === "fixed") return fixedSource(program, source);
  return source.kind === "names" ? source.text : undefined;
}

function fixedSource(program: Program, { value }: Pick<TextValue, "value">): TextSource {
  return {
    kind: "text",
    key: JSON.stringify(value),
    scope: "process",
    cost: 0,
    vocabulary: "fixed",
    cached: null,
    make: (f) => fixedText(f, program, value),
  };
}

const isThere: Tree = ["i32.ge_s", get(L), 0];

function changed(program: Program, key: string, source: TextSource, put: Tree[]): Source {
  return eventText(program, key, source.cost + 20, (f) => [
    ...source.make(f),
    ["if", null, isThere, build(f, put), null],
  ]);
}

// Falco drops the value when it is no base64.
function base64(program: Program, key: string, source: TextSource): Source {
  return eventText(program, key, source.cost + 30, (f) => {
    const isGood = f.local("$good");
    return [
      ...source.make(f),
      [
        "if",
        null,
        isThere,
        [
          ...build(f, [set(isGood, call("$put_base64", get(P), get(L)))]),
          ["if", null, ["i32.eqz", get(isGood)], [set(L, -1)], null],
        ],
        null,
      ],
    ];
  });
}

function basename(program: Program, key: string, source: TextSource): Source {
  return eventText(program, key, source.cost + 8, (f) => {
    const after = f.local("$after");
    return [
      ...source.make(f),
      [
        "if",
        null,
        isThere,
        [
          set(after, ["i32.add", call("$last_slash", get(P), get(L)), 1]),
          set(P, ["i32.add", get(P), get(after)]),
          set(L, ["i32.sub", get(L), get(after)]),
        ],
        null,
      ],
    ];
  });
}

function lengthOf(
  program: Program,
  operand: BoundOperand,
  resolve: Resolve,
  list: (operand: BoundOperand) => TextSource | undefined,
): Source {
  const source = resolve(operand);
  const isBytes = operand.type === "bytes";
  const entries = operand.kind === "transform" && operand.isList ? list(operand) : undefined;
  const text = entries ?? textOf(program, source);
  if (source.kind === "each" || !text) return NONE;
  const count = entries ? call("$count_list", get(P), get(L)) : isBytes ? get(L) : call("$count_chars", get(P), get(L));
  const value = (f: FuncContext): Tree => [
    "block",
    f.label(),
    "i64",
    ...text.make(f),
    ["if", "i64", isThere, [["i64.extend_i32_u", count]], [i64(ABSENT)]],
  ];
  return { kind: "int", key: `len ${text.key}`, scope: text.scope, isCheap: false, value };
}

// All arguments first, because each may be made at the arena's end.
function joined(program: Program, key: string, args: TextSource[]): Source {
  return eventText(program, key, 40, (f) => {
    const pieces = args.map((arg, i) => {
      const [at, size] = [f.local(`$at${i}`), f.local(`$size${i}`)];
      return { at, size, make: [...arg.make(f), set(at, get(P)), set(size, get(L))] };
    });
    const areThere = pieces.map(({ size }): Tree => ["i32.ge_s", get(size), 0]).reduce((a, b) => ["i32.and", a, b]);
    const puts = pieces.map(({ at, size }) => call("$put", get(at), get(size)));
    return [...pieces.flatMap((p) => p.make), ["if", null, areThere, build(f, puts), [set(L, -1)]]];
  });
}

function joinedList(program: Program, key: string, separator: TextSource, list: TextSource): Source {
  return eventText(program, key, 60, (f) => {
    const [at, size] = ["$at", "$size"].map((name) => f.local(name));
    const walk = eachEntry(f, (entry, entrySize, isFollowed) => [
      call("$put", entry, entrySize),
      ["if", null, isFollowed, [call("$put", get(at!), get(size!))], null],
    ]);
    const areThere: Tree = ["i32.and", isThere, ["i32.ge_s", get(size!), 0]];
    return [
      ...separator.make(f),
      set(at!, get(P)),
      set(size!, get(L)),
      ...list.make(f),
      ["if", null, areThere, build(f, walk), [set(L, -1)]],
    ];
  });
}

// getopt(3) over the list. With an option character, the last value of that option, or the option itself
// where it takes none; without, all options and values as a list.
function options(program: Program, key: string, list: TextSource, wanted: TextSource, option: string | null): Source {
  return eventText(program, key, 100, (f) => {
    const [at, size] = [f.local("$at"), f.local("$size")];
    const args = [get(P), get(L), get(at), get(size)];
    const all: Tree[] = [["if", null, isThere, build(f, [call("$put_options", ...args)]), null]];
    const one: Tree[] = [
      [
        "if",
        null,
        isThere,
        [set(L, call("$option", ...args, (option ?? "\0").charCodeAt(0))), set(P, ["i32.load", 4, ["sym", "OPTION"]])],
        null,
      ],
    ];
    return [...wanted.make(f), set(at, get(P)), set(size, get(L)), ...list.make(f), ...(option === null ? all : one)];
  });
}
