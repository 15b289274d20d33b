// SPDX-License-Identifier: Apache-2.0
// Sources of container.*: what the orchestrator says of the container that a batch came from, and the id that
// the agent found.
import { FACT_ENTRY, FACTS, FACTS_HEADER } from "../../wasm/facts.js";
import { type ContainerFact, INNER_LABELS } from "../../wire/container.js";
import { type Base, call, type FuncContext, get, load, select, set, sym, tee } from "./func-context.js";
import { FACTS_AT } from "./layout.js";
import { ProcessFields } from "./process-fields.js";
import type { Program } from "./program.js";
import { keyOf, type TextSource } from "./source.js";
import { build, eachEntry, eventText, fixedText, L, noText, P, useText } from "./text-source.js";
import type { Tree } from "./wasm.js";

const HOST = "host";

/** What the orchestrator says; else `host` outside a container, and nothing without a process. */
export function containerId(of: ProcessFields, base: Base): TextSource {
  return idSource(of, base, "container_id", "container");
}

/** The same, of the id that is not cut. */
export function fullId(of: ProcessFields, base: Base): TextSource {
  return idSource(of, base, "container_full_id", "full container");
}

function idSource(of: ProcessFields, base: Base, field: string, what: string): TextSource {
  const span = of.span(field, base);
  const own = (f: FuncContext): Tree[] => [
    ...span.make(f),
    [
      "if",
      null,
      ["i32.lt_s", get(L), 0],
      [["if", null, ["i32.ne", f.process(base).entry, sym("NULL_PROCESS")], fixedText(f, of.program, HOST), null]],
      null,
    ],
  ];
  return {
    ...span,
    key: keyOf(what, base),
    vocabulary: `process ${what}`,
    cached: { base, slot: `word ${what}` },
    make: (f) => [["if", null, load(FACTS_AT, 0), factText(f, "id"), own(f)]],
  };
}

/** The same without a word for what is outside: leaves an empty text. */
export function containerIdOrNothing(program: Program, f: FuncContext): Tree[] {
  const own = new ProcessFields(program).span("container_id", "self").make(f);
  const none: Tree = ["if", null, ["i32.lt_s", get(L), 0], fixedText(f, program, ""), null];
  return [["if", null, load(FACTS_AT, 0), factText(f, "id"), own], none];
}

/** What the orchestrator says; else `host` outside a container, and nothing in one. */
export function hostOr(of: ProcessFields, fact: ContainerFact, base: Base): TextSource {
  const id = containerId(of, base);
  const { at: host, size } = of.program.text(HOST);
  const own = (f: FuncContext): Tree[] => [
    ...id.make(f),
    ["if", null, call("$eq", get(P), get(L), host, size), [], noText(f)],
  ];
  return {
    ...factSource(fact),
    key: keyOf(`fact ${fact}`, base),
    base,
    make: (f) => [["if", null, load(FACTS_AT, 0), factText(f, fact), own(f)]],
  };
}

/** What the orchestrator says of the container that the batch came from. */
export function factSource(fact: ContainerFact): TextSource {
  return {
    kind: "text",
    key: `fact ${fact}`,
    scope: "event",
    cost: 1,
    vocabulary: `fact ${fact}`,
    cached: null,
    make: (f) => toldText(f, fact),
  };
}

/** The value of one label. */
export function labelSource(program: Program, name: string): TextSource {
  return eventText(program, `label ${name}`, 10, (f) => {
    const { at, size } = program.text(`${name}=`);
    const end = f.local("$end");
    const found = tee(P, call("$variable", get(P), get(L), at, size));
    const cut: Tree[] = [set(L, ["i32.sub", call("$entry_end", get(P), get(end)), get(P)])];
    return [
      ...toldText(f, "labels"),
      set(end, ["i32.add", get(P), get(L)]),
      ["if", null, ["i32.ge_s", get(L), 0], [["if", null, found, cut, [set(L, -1)]]], null],
    ];
  });
}

/** `name:value, other:value` */
export function labelsSource(program: Program): TextSource {
  const inner = INNER_LABELS.map((start) => program.text(start));
  return eventText(program, "labels", 30, (f) => {
    const [name, begun] = ["$name", "$begun"].map((local) => f.local(local));
    const separate: Tree = [
      "if",
      null,
      get(begun!),
      [call("$put_byte", 0x2c), call("$put_byte", 0x20)],
      [set(begun!, 1)],
    ];
    const walk = eachEntry(f, (from, size) => {
      const isInner = inner
        .map((start) => call("$starts", from, size, start.at, start.size))
        .reduce((a, b) => ["i32.or", a, b]);
      const value: Tree = ["i32.sub", ["i32.add", from, size], get(name!)];
      const put: Tree[] = [
        separate,
        set(name!, ["i32.add", call("$first_of", from, size, 0x3d), 1]),
        call("$put", from, ["i32.sub", ["i32.sub", get(name!), from], 1]),
        ["if", null, value, [call("$put_byte", 0x3a), call("$put", get(name!), value)], null],
      ];
      return [["if", null, isInner, [], put]];
    });
    const put = [set(begun!, 0), ...build(f, walk)];
    return [...toldText(f, "labels"), ["if", null, ["i32.ge_s", get(L), 0], put, null]];
  });
}

function toldText(f: FuncContext, fact: (typeof FACTS)[number]): Tree[] {
  return [["if", null, load(FACTS_AT, 0), factText(f, fact), noText(f)]];
}

function factText(f: FuncContext, fact: (typeof FACTS)[number]): Tree[] {
  const entry = FACTS_AT + FACTS_HEADER + FACT_ENTRY * FACTS.indexOf(fact);
  useText(f);
  return [
    set(L, select(load(entry + 4, 0), -1, ["i32.ne", tee(P, load(entry, 0)), -1])),
    set(P, ["i32.add", get(P), FACTS_AT]),
  ];
}
