// SPDX-License-Identifier: Apache-2.0
// What every kind of leaf is made with: a question asked of a source, kept for the batch where it is about a
// process and costs enough; asked of any ancestor; and whether there is a value at all.
import { Emitter } from "./emit.js";
import { and, type Base, call, FuncContext, get, i64, load, set, tee } from "./func-context.js";
import { ANCESTORS_MAX } from "./layout.js";
import { describe, type Graph, type Leaf, type Node, scopeOf } from "./node.js";
import type { Program } from "./program.js";
import { ABSENT, type EachSource, type IpSource, ownKey, type Scope, type Source, type TextSource } from "./source.js";
import { L } from "./text-source.js";
import type { Tree } from "./wasm.js";

/** From this cost on, an answer about a process is kept for the batch. */
export const KEEP_COST = 5;

/** Makes the leaves of one graph. */
export class LeafBase {
  constructor(
    readonly program: Program,
    readonly graph: Graph,
  ) {}

  exists(source: Source): Node {
    switch (source.kind) {
      case "none":
        return this.graph.no;
      case "fixed":
        return this.graph.yes;
      case "text":
        return this.textLeaf(source, "exists", 0.95, 0, () => ["i32.ge_s", get(L), 0]);
      case "names":
      case "int":
        return this.leaf(source, "exists", 1, 0.95, (f) => ["i64.ne", source.value(f), i64(ABSENT)]);
      case "bool":
        return this.leaf(source, "exists", 1, 0.95, (f) => ["i32.ne", source.value(f), 2]);
      case "ip":
        return this.ipLeaf(source, "exists", () => ["i32.gt_s", get(L), 0]);
      case "each":
        return this.each(source, (inner) => this.exists(inner));
      case "either":
        return this.graph.or(source.ends.map((end) => this.exists(end)));
    }
  }

  leaf(
    source: { key: string; scope: Scope; base?: Base },
    question: string,
    cost: number,
    chance: number,
    emit: (f: FuncContext) => Tree,
  ): Node {
    const key = `${source.key} ${question}`;
    if (source.scope === "event" || cost < KEEP_COST)
      return this.graph.leaf({ key, scope: source.scope, cost, chance, emit });
    return this.graph.leaf(this.#kept(key, cost, chance, emit, source.base, `${ownKey(source)} ${question}`));
  }

  // A question about a process whose answer is kept for the batch. With a base it is a question about that
  // process alone, and `own` names it whoever asks.
  #kept(key: string, cost: number, chance: number, emit: (f: FuncContext) => Tree, base?: Base, own = key): Leaf {
    const { program } = this;
    const helper = () =>
      program.helper(`kept ${own}`, (name) => {
        const { known, value, bit } = program.memo();
        const f = FuncContext.ofProcess(name, base !== undefined);
        const answer = f.local("$answer");
        const body: Tree[] = [
          set(answer, emit(f)),
          ["i32.store", known, get("$pc"), ["i32.or", load(get("$pc"), known), bit]],
          ["if", null, get(answer), [["i32.store", value, get("$pc"), ["i32.or", load(get("$pc"), value), bit]]], null],
          get(answer),
        ];
        const isKnown: Tree = [
          "if",
          null,
          and(load(get("$pc"), known), bit),
          [["return", ["i32.ne", and(load(get("$pc"), value), bit), 0]]],
          null,
        ];
        const prepared = f.before.splice(0);
        return f.done([isKnown, ...prepared, ...body], "i32");
      });
    // Most events come from a process that was asked before.
    const emitCall = (f: FuncContext): Tree => {
      const { entry, cache } = f.process(base ?? "self");
      return call(helper(), entry, cache);
    };
    return { key, scope: "process", cost: 3 + cost / 8, chance, emit: emitCall };
  }

  /** Whether any ancestor answers yes, the parent first. */
  protected each(source: EachSource, ask: (inner: Source) => Node): Node {
    const inner = ask(source.inner);
    if (inner.op === "const" && !inner.value) return inner;
    const key = `any ancestor ${describe(inner)}`;
    const walk = (f: FuncContext): Tree => {
      f.local("$a");
      f.local("$ac");
      const n = f.local("$n");
      const [found, next] = [f.label(), f.label()];
      return [
        "block",
        found,
        "i32",
        set("$a", get("$p")),
        set(n, ANCESTORS_MAX),
        [
          "loop",
          next,
          null,
          set("$a", call("$parent", get("$a"))),
          ["if", null, ["i32.eq", get("$a"), ["sym", "NULL_PROCESS"]], [["br", found, 0]], null],
          set("$ac", call("$cache", get("$a"))),
          ["if", null, new Emitter(f).emit(inner), [["br", found, 1]], null],
          ["br_if", next, tee(n, ["i32.sub", get(n), 1])],
        ],
        0,
      ];
    };
    // What the ancestors are compared with may be the event's own.
    if (scopeOf(inner) === "event") return this.graph.leaf({ key, scope: "event", cost: 60, chance: 0.15, emit: walk });
    return this.graph.leaf(this.#kept(key, 40, 0.15, walk));
  }

  protected textLeaf(source: TextSource, question: string, chance: number, cost: number, ask: () => Tree): Node {
    return this.leaf(source, question, Math.max(cost, source.cost), chance, (f) => [
      "block",
      f.label(),
      "i32",
      ...source.make(f),
      ask(),
    ]);
  }

  protected ipLeaf(source: IpSource, question: string, ask: () => Tree): Node {
    return this.leaf(source, question, 3, 0.1, (f) => ["block", f.label(), "i32", ...source.make(f), ask()]);
  }
}
