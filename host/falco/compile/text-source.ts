// SPDX-License-Identifier: Apache-2.0
// Makes text sources: a span that stands in a slot, a text that is put together once for a process, or once
// for an event.
import { type Base, call, FuncContext, get, load, select, set, tee } from "./func-context.js";
import { STATE } from "./layout.js";
import type { Program } from "./program.js";
import { keyOf, type TextSource } from "./source.js";
import type { Func, Tree } from "./wasm.js";

/** The local with a text's address. */
export const P = "$P";
/** The local with a text's size in bytes; -1: there is no text. */
export const L = "$L";

/** Declares both locals. */
export function useText(f: FuncContext): void {
  f.local(P);
  f.local(L);
}

/** $P and $L from the span at `address + offset`. */
export function readSpan(f: FuncContext, address: Tree, offset: number): Tree[] {
  useText(f);
  return [
    set(L, select(load(address, offset + 4), -1, ["i32.ne", tee(P, load(address, offset)), -1])),
    set(P, ["i32.add", get(P), strings(f)]),
  ];
}

function strings(f: FuncContext): Tree {
  const name = f.local("$strings");
  f.prepare("strings", () => [set(name, load(0, STATE.strings))]);
  return get(name);
}

/** Code that leaves a constant in both locals. */
export function fixedText(f: FuncContext, program: Program, value: string): Tree[] {
  useText(f);
  const { at, size } = program.text(value);
  return [set(P, at), set(L, size)];
}

/** Code that says in both locals that there is no text. */
export function noText(f: FuncContext): Tree[] {
  useText(f);
  return [set(P, 0), set(L, -1)];
}

/** Puts a text together at the arena's end, and leaves it in $P and $L. */
export function build(f: FuncContext, parts: Tree[]): Tree[] {
  useText(f);
  const start = f.local("$start");
  return [set(start, call("$begin")), ...parts, set(P, get(start)), set(L, call("$finish", get(start)))];
}

/**
 * Walks the entries of the list in $P and $L, each of which ends in a NUL. `body` is given where one stands,
 * its size, and whether another follows.
 */
export function eachEntry(f: FuncContext, body: (from: Tree, size: Tree, isFollowed: Tree) => Tree[]): Tree[] {
  const [from, end, next] = ["$from", "$end", "$next"].map((name) => f.local(name));
  const [loop, done] = [f.label(), f.label()];
  const behind: Tree = ["i32.add", get(next!), 1];
  const walk: Tree[] = [
    ["br_if", done, ["i32.ge_u", get(from!), get(end!)]],
    set(next!, call("$entry_end", get(from!), get(end!))),
    ...body(get(from!), ["i32.sub", get(next!), get(from!)], ["i32.lt_u", behind, get(end!)]),
    set(from!, behind),
    ["br", loop],
  ];
  return [
    set(from!, get(P)),
    set(end!, ["i32.add", get(P), get(L)]),
    ["block", done, null, ["loop", loop, null, ...walk]],
  ];
}

/**
 * A text of a process that has to be made: once, however many events and rules ask. `make` is given a
 * function that has $p and $pc.
 */
export function processText(program: Program, kind: string, base: Base, make: (f: FuncContext) => Tree[]): TextSource {
  const at = program.slot(`text ${kind}`, 8);
  const helper = () =>
    program.helper(`text ${kind}`, (name) => {
      const f = FuncContext.ofProcess(name);
      useText(f);
      const body: Tree[] = [
        ["if", null, load(get("$pc"), at + 4), [["return"]], null],
        ...make(f),
        ["i32.store", at, get("$pc"), get(P)],
        // 0 means "not made", so that a size is kept two larger, and none is 1.
        ["i32.store", at + 4, get("$pc"), ["i32.add", get(L), 2]],
      ];
      return withPreparedAfterCheck(f, body);
    });
  return {
    kind: "text",
    key: keyOf(kind, base),
    scope: "process",
    base,
    cost: 20,
    vocabulary: `process ${kind}`,
    cached: { base, slot: `word ${kind}` },
    make: (f) => {
      useText(f);
      const { entry, cache } = f.process(base);
      return [call(helper(), entry, cache), set(P, load(cache, at)), set(L, ["i32.sub", load(cache, at + 4), 2])];
    },
  };
}

/** A text of an event that has to be made. `make` is given a function that has $rec, $p, $pc and $d. */
export function eventText(program: Program, key: string, cost: number, make: (f: FuncContext) => Tree[]): TextSource {
  return {
    kind: "text",
    key: `event ${key}`,
    scope: "event",
    cost,
    vocabulary: `event ${key}`,
    cached: null,
    make: (f) => {
      const { number, at } = program.eventText(key, f.event);
      const word = STATE.made + 4 * (number >> 5);
      const bit = 1 << (number & 31);
      const helper = program.eventHelper(`event text ${key}`, f.event, (name) => {
        const g = FuncContext.ofEvent(name, ["$rec", "$p", "$pc", "$d"], f.event);
        useText(g);
        const body: Tree[] = [
          ["if", null, ["i32.and", load(0, word), bit], [["return"]], null],
          ["i32.store", word, 0, ["i32.or", load(0, word), bit]],
          ...make(g),
          ["i32.store", at, 0, get(P)],
          ["i32.store", at + 4, 0, get(L)],
        ];
        return withPreparedAfterCheck(g, body);
      });
      useText(f);
      if (f.isEvent) f.prepareEvent("clear made", () => [call("$clear_made")]);
      return [
        call(helper, get("$rec"), get("$p"), get("$pc"), get("$d")),
        set(P, load(0, at)),
        set(L, load(0, at + 4)),
      ];
    },
  };
}

// What `make` prepared must not run before the check that the text is made already.
function withPreparedAfterCheck(f: FuncContext, body: Tree[]): Func {
  const prepared = f.before.splice(0);
  return f.done([body[0]!, ...prepared, ...body.slice(1)], null);
}
