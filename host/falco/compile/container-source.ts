// SPDX-License-Identifier: Apache-2.0
// Sources of container.*: what the orchestrator says of the container that a batch came from, and the id that the agent found.
import { FACT_ENTRY, FACTS, FACTS_HEADER } from "../../wasm/facts.js";
import type { ContainerFact } from "../../wire/container.js";
import { type Base, call, type FuncContext, get, load, select, set, sym, tee } from "./func-context.js";
import { FACTS_AT } from "./layout.js";
import { ProcessFields } from "./process-fields.js";
import type { Program } from "./program.js";
import { keyOf, type TextSource } from "./source.js";
import { fixedText, L, noText, P, useText } from "./text-source.js";
import type { Tree } from "./wasm.js";

const HOST = "host";

// What the orchestrator says; else `host` outside a container, and nothing without a process.
export function containerId(of: ProcessFields, base: Base): TextSource {
  const span = of.span("container_id", base);
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
    key: keyOf("container", base),
    vocabulary: "process container",
    cached: { base, slot: "word container" },
    make: (f) => [["if", null, load(FACTS_AT, 0), factText(f, "id"), own(f)]],
  };
}

// The same without a word for what is outside: leaves an empty text.
export function containerIdOrNothing(program: Program, f: FuncContext): Tree[] {
  const own = new ProcessFields(program).span("container_id", "self").make(f);
  const none: Tree = ["if", null, ["i32.lt_s", get(L), 0], fixedText(f, program, ""), null];
  return [["if", null, load(FACTS_AT, 0), factText(f, "id"), own], none];
}

// What the orchestrator says; else `host` outside a container, and nothing in one.
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

// What the orchestrator says of the container that the batch came from.
export function factSource(fact: ContainerFact): TextSource {
  return {
    kind: "text",
    key: `fact ${fact}`,
    scope: "event",
    cost: 1,
    vocabulary: `fact ${fact}`,
    cached: null,
    make: (f) => [["if", null, load(FACTS_AT, 0), factText(f, fact), noText(f)]],
  };
}

function factText(f: FuncContext, fact: ContainerFact): Tree[] {
  const entry = FACTS_AT + FACTS_HEADER + FACT_ENTRY * FACTS.indexOf(fact);
  useText(f);
  return [
    set(L, select(load(entry + 4, 0), -1, ["i32.ne", tee(P, load(entry, 0)), -1])),
    set(P, ["i32.add", get(P), FACTS_AT]),
  ];
}
