// SPDX-License-Identifier: Apache-2.0
// Turns a check (field, operator, values) into nodes: the questions that can be asked of the field's source, put as cheaply as
// they can be. What Falco says about missing values comes out by itself: every question is false when there is no value, and `!=`
// is "there is one, and it is not that".

import type { BoundValue, ValueType } from "../bind.js";
import type { Operator } from "../condition.js";
import { parseRegex } from "../regex.js";
import type { NetValue } from "../values.js";
import { matchTable } from "./automaton.js";
import { compareText } from "./compare-text.js";
import { Emitter } from "./emit.js";
import { and, type Base, call, FuncContext, get, i64, load, load64, set, tee } from "./func-context.js";
import { kAncestorsMax } from "./layout.js";
import { namesQuestion } from "./names-leaf.js";
import { describe, type Graph, type Leaf, type Node } from "./node.js";
import { globRegex, pathRegex } from "./patterns.js";
import type { Program } from "./program.js";
import {
  type EachSource,
  type IntSource,
  type IpSource,
  kAbsent,
  ownKey,
  type Scope,
  type Source,
  type TextSource,
} from "./source.js";
import { kL, kP } from "./text-source.js";
import type { Func, Tree } from "./wasm.js";

// From this cost on, an answer about a process is kept for the batch.
const kKeepCost = 5;
// Up to this many comparisons a field's words are compared one by one.
const kFewWords = 3;
// From this many on, texts to be found are looked for together.
const kManySearches = 4;

export class LeafMaker {
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
        return this.textLeaf(source, "exists", 0.95, 0, () => ["i32.ge_s", get(kL), 0]);
      case "names":
      case "int":
        return this.leaf(source, "exists", 1, 0.95, (f) => ["i64.ne", source.value(f), i64(kAbsent)]);
      case "bool":
        return this.leaf(source, "exists", 1, 0.95, (f) => ["i32.ne", source.value(f), 2]);
      case "ip":
        return this.ipLeaf(source, "exists", () => ["i32.gt_s", get(kL), 0]);
      case "each":
        return this.each(source, (inner) => this.exists(inner));
      case "either":
        return this.graph.or(source.ends.map((end) => this.exists(end)));
    }
  }

  check(source: Source, op: Operator, values: readonly BoundValue[], type: ValueType): Node {
    if (source.kind === "each") return this.each(source, (inner) => this.check(inner, op, values, type));
    if (source.kind === "either") {
      const nodes = source.ends.map((end) => this.check(end, op, values, type));
      // Of two ends, one has to be equal; for `!=` both have to differ, where there is one.
      if (op !== "!=") return this.graph.or(nodes);
      const missing = source.ends.map((end) => this.graph.not(this.exists(end)));
      return this.graph.and([this.exists(source), ...nodes.map((node, i) => this.graph.or([node, missing[i]!]))]);
    }
    if (op === "!=")
      return this.graph.and([this.exists(source), this.graph.not(this.check(source, "=", values, type))]);
    switch (source.kind) {
      case "none":
        return this.graph.no;
      case "fixed":
        return this.graph.constant(compareText(source.value, op, values as string[]));
      case "text":
        return this.text(source, op, values as string[]);
      case "names":
        return namesQuestion(this, source, op, values as string[]) ?? this.text(source.text, op, values as string[]);
      case "int":
        return this.int(source, op, values as bigint[]);
      case "bool":
        return this.graph.or(
          values.map((value) =>
            this.leaf(source, `=${value}`, 1, 0.3, (f) => ["i32.eq", source.value(f), value ? 1 : 0]),
          ),
        );
      case "ip":
        return this.graph.or((values as NetValue[]).map((value) => this.net(source, value)));
    }
  }

  // Whether all texts of a strlist are in `values`, or any of them.
  list(source: TextSource, op: Operator, values: readonly string[]): Node {
    const dictionary = this.program.dictionary(source.vocabulary);
    for (const value of values) dictionary.add(value);
    const key = `list ${op} ${JSON.stringify([...values].sort())}`;
    return this.leaf(source, key, 60, 0.1, (f) => {
      const bits = this.program.constant(`bits ${source.vocabulary} ${key}`, () =>
        dictionary.bits(values, this.program.data),
      );
      const table = this.program.dictionaryTable(source.vocabulary);
      const ask = call("$list_in", get(kP), get(kL), table, bits, op === "in" ? 1 : 0);
      return ["block", f.label(), "i32", ...source.make(f), ask];
    });
  }

  // Two fields. Falco compares such values only where both are there.
  compare(left: Source, op: Operator, right: Source): Node {
    if (left.kind === "each") return this.each(left, (inner) => this.compare(inner, op, right));
    if (left.kind === "either") return this.graph.or(left.ends.map((end) => this.compare(end, op, right)));
    if (right.kind === "each" || right.kind === "either") return this.graph.no;
    const both = [this.exists(left), this.exists(right)];
    if (op === "!=") return this.graph.and([...both, this.graph.not(this.compare(left, "=", right))]);
    if (left.kind === "int" && right.kind === "int") {
      const question = this.pair(left, right, op, (f) => [kIntOps[op]!, left.value(f), right.value(f)]);
      return this.graph.and([...both, question]);
    }
    if (left.kind === "bool" && right.kind === "bool") {
      return this.graph.and([...both, this.pair(left, right, op, (f) => ["i32.eq", left.value(f), right.value(f)])]);
    }
    const [a, b] = [this.asText(left), this.asText(right)];
    if (!a || !b) return this.graph.no;
    const question = this.pair(a, b, op, (f) => {
      const [p, l] = [f.local("$P2"), f.local("$L2")];
      return [
        "block",
        f.label(),
        "i32",
        ...b.make(f),
        set(p, get(kP)),
        set(l, get(kL)),
        ...a.make(f),
        comparison(op, get(p), get(l)),
      ];
    });
    return this.graph.and([...both, question]);
  }

  private asText(source: Source): TextSource | IpSource | null {
    if (source.kind === "text" || source.kind === "ip") return source;
    if (source.kind === "names") return source.text;
    if (source.kind !== "fixed") return null;
    const { program } = this;
    const { value } = source;
    return {
      kind: "text",
      key: `fixed ${value}`,
      scope: "process",
      cost: 0,
      vocabulary: "fixed",
      cached: null,
      make: (f) => {
        f.local(kP);
        f.local(kL);
        return [set(kP, program.data.text(value)), set(kL, value.length)];
      },
    };
  }

  private pair(
    a: { key: string; scope: Scope },
    b: { key: string; scope: Scope },
    op: string,
    emit: (f: FuncContext) => Tree,
  ): Node {
    const scope = a.scope === "process" && b.scope === "process" ? "process" : "event";
    return this.leaf({ key: `${a.key} ${op} ${b.key}`, scope }, "", 30, 0.2, emit);
  }

  leaf(
    source: { key: string; scope: Scope; base?: Base },
    question: string,
    cost: number,
    chance: number,
    emit: (f: FuncContext) => Tree,
  ): Node {
    const key = `${source.key} ${question}`;
    if (source.scope === "event" || cost < kKeepCost)
      return this.graph.leaf({ key, scope: source.scope, cost, chance, emit });
    return this.graph.leaf(this.kept(key, cost, chance, emit, source.base, `${ownKey(source)} ${question}`));
  }

  // A question about a process whose answer is kept for the batch. With a base it is a question about that process alone, and `own`
  // names it whoever asks.
  private kept(
    key: string,
    cost: number,
    chance: number,
    emit: (f: FuncContext) => Tree,
    base?: Base,
    own = key,
  ): Leaf {
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

  // Whether any ancestor answers yes, the parent first.
  private each(source: EachSource, ask: (inner: Source) => Node): Node {
    const inner = ask(source.inner);
    if (inner.op === "const" && !inner.value) return inner;
    return this.graph.leaf(
      this.kept(`any ancestor ${describe(inner)}`, 40, 0.15, (f) => {
        f.local("$a");
        f.local("$ac");
        const n = f.local("$n");
        const [found, next] = [f.label(), f.label()];
        return [
          "block",
          found,
          "i32",
          set("$a", get("$p")),
          set(n, kAncestorsMax),
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
      }),
    );
  }

  private text(source: TextSource, op: Operator, values: readonly string[]): Node {
    switch (op) {
      case "=":
      case "==":
      case "in":
      case "intersects":
        return this.word(source, [...new Set(values)]);
      case "contains":
      case "icontains":
        return this.graph.or(values.map((value) => this.found(source, value, op === "icontains")));
      case "glob":
      case "iglob":
        return this.matches(source, op, values, () =>
          matchTable({ kind: "choice", parts: values.map((v) => globRegex(v, op === "iglob")) }),
        );
      case "regex":
        return this.matches(source, op, values, () => matchTable({ kind: "choice", parts: values.map(parseRegex) }));
      case "pmatch":
        return values.length === 0
          ? this.graph.no
          : this.matches(source, op, values, () => matchTable(pathRegex(values)));
      case "bcontains":
        return this.text(source, "contains", values);
      case "bstartswith":
        return this.text(source, "startswith", values);
      default:
        return this.graph.or(values.map((value) => this.compared(source, op, value)));
    }
  }

  // `=` and `in`: by the number of the value's word.
  private word(source: TextSource, values: string[]): Node {
    if (values.length === 0) return this.graph.no;
    const dictionary = this.program.dictionary(source.vocabulary);
    for (const value of values) dictionary.add(value);
    const chance = Math.min(0.05 * values.length, 0.3);
    const cost = source.cached ? 2 : 2.5 + source.cost / 2;
    const key = `in ${JSON.stringify([...values].sort())}`;
    return this.leaf({ key: source.key, scope: source.scope }, key, Math.min(cost, kKeepCost - 1), chance, (f) => {
      if (!source.cached && (dictionary.size <= kFewWords || values.length === 1)) {
        const same = values.map((value) => this.same(value)).reduce((a, b) => ["i32.or", a, b]);
        return ["block", f.label(), "i32", ...source.make(f), same];
      }
      const number = this.numberOf(source, f);
      if (values.length === 1) return ["i32.eq", number, dictionary.idOf(values[0]!)];
      const bits = this.program.constant(`bits ${source.vocabulary} ${key}`, () =>
        dictionary.bits(values, this.program.data),
      );
      const word = f.local("$word");
      return and(["i32.shr_u", ["i32.load8_u", bits, ["i32.shr_u", tee(word, number), 3]], and(get(word), 7)], 1);
    });
  }

  private numberOf(source: TextSource, f: FuncContext): Tree {
    const table = () => this.program.dictionaryTable(source.vocabulary);
    if (source.cached) {
      const { base, slot } = source.cached;
      const at = this.program.slot(slot, 4);
      const { entry, cache } = f.process(base);
      const helper = this.program.helper(`word ${source.key} ${slot}`, (name) =>
        this.wordHelper(name, source, at, table()),
      );
      const number = f.local("$number");
      return ["if", "i32", tee(number, load(cache, at)), [get(number)], [call(helper, entry, cache)]];
    }
    const number = f.local(`$number${this.program.number(source.key)}`);
    const found = tee(number, call("$dict", get(kP), get(kL), table()));
    return ["if", "i32", get(number), [get(number)], [...source.make(f), found]];
  }

  // Looks up the word of a process's text, and keeps its number. Whose text it is, is the caller's choice.
  private wordHelper(name: string, source: TextSource, at: number, table: number): Func {
    const f = FuncContext.ofProcess(name, true);
    const number = f.local("$number");
    const body: Tree[] = [
      ...source.make(f),
      set(number, call("$dict", get(kP), get(kL), table)),
      ["i32.store", at, get("$pc"), get(number)],
      get(number),
    ];
    return f.done(body, "i32");
  }

  private found(source: TextSource, text: string, isCaseFolded: boolean): Node {
    if (text === "") return this.exists(source);
    const search = this.program.search(source.vocabulary, isCaseFolded);
    search.add(text);
    const op = isCaseFolded ? "icontains" : "contains";
    const direct = (f: FuncContext): Tree => {
      const { at, size } = this.program.text(text);
      const make = source.entries && !/[ \0]/.test(text) ? source.entries(f) : source.make(f);
      return ["block", f.label(), "i32", ...make, call(`$${op}`, get(kP), get(kL), at, size)];
    };
    const question = `${op} ${JSON.stringify(text)}`;
    const isShared = source.cached !== null;
    const emit = (f: FuncContext): Tree => {
      if (search.size < kManySearches) return direct(f);
      const { group, bit } = search.placeOf(text);
      return ["i64.ne", ["i64.and", this.foundSet(source, search, group, f), i64(bit)], i64(0)];
    };
    // Kept as a set where many are looked for, so that the single answer need not be.
    if (isShared)
      return this.graph.leaf({ key: `${source.key} ${question}`, scope: source.scope, cost: 4, chance: 0.05, emit });
    return this.leaf(source, question, source.cost + 15, 0.05, emit);
  }

  private foundSet(source: TextSource, search: ReturnType<Program["search"]>, group: number, f: FuncContext): Tree {
    const { program } = this;
    const table = program.searchTable(search, group);
    if (!source.cached) {
      const name = program.number(`${source.key} ${search.isCaseFolded} ${group}`);
      const [isKnown, found] = [f.local(`$sought${name}`), f.local(`$found${name}`, "i64")];
      return [
        "if",
        "i64",
        get(isKnown),
        [get(found)],
        [set(isKnown, 1), ...source.make(f), tee(found, call("$search", get(kP), get(kL), table))],
      ];
    }
    const { base, slot } = source.cached;
    const key = `found ${slot} ${search.isCaseFolded} ${group}`;
    const at = program.slot(key, 8);
    const isKnown = program.slot(`${key} known`, 4);
    const helper = program.helper(key, (name) => {
      const g = FuncContext.ofProcess(name, true);
      const found = g.local("$found", "i64");
      return g.done(
        [
          ["if", null, load(get("$pc"), isKnown), [["return", load64(get("$pc"), at)]], null],
          ...source.make(g),
          set(found, call("$search", get(kP), get(kL), table)),
          ["i64.store", at, get("$pc"), get(found)],
          ["i32.store", isKnown, get("$pc"), 1],
          get(found),
        ],
        "i64",
      );
    });
    const { entry, cache } = f.process(base);
    return call(helper, entry, cache);
  }

  private matches(
    source: TextSource,
    op: string,
    values: readonly string[],
    make: () => ReturnType<typeof matchTable>,
  ): Node {
    const key = `${op} ${JSON.stringify(values)}`;
    const table = this.program.match(key, make); // a pattern that is too complex is refused now
    const at = () => this.program.constant(`match ${key}`, () => this.program.data.match(table));
    return this.leaf(source, key, source.cost + 30, 0.05, (f) => [
      "block",
      f.label(),
      "i32",
      ...source.make(f),
      call("$match", get(kP), get(kL), at()),
    ]);
  }

  private compared(source: TextSource, op: Operator, value: string): Node {
    const question = `${op} ${JSON.stringify(value)}`;
    const cost = source.cost + (value.length <= 16 ? 1.5 : 4);
    return this.textLeaf(source, question, 0.1, cost, () => {
      if (op === "startswith") return this.startsWith(value);
      if (op === "endswith") return this.endsWith(value);
      const { at, size } = this.program.text(value);
      return comparison(op, at, size);
    });
  }

  private textLeaf(source: TextSource, question: string, chance: number, cost: number, ask: () => Tree): Node {
    return this.leaf(source, question, Math.max(cost, source.cost), chance, (f) => [
      "block",
      f.label(),
      "i32",
      ...source.make(f),
      ask(),
    ]);
  }

  // Texts up to 16 bytes are compared with one or two loads, without a jump: loads may reach past the text.
  private same(value: string): Tree {
    if (value.length > 16) return call("$eq", get(kP), get(kL), this.program.data.text(value), value.length);
    return and(["i32.eq", get(kL), value.length], bytesAt(get(kP), value));
  }

  private startsWith(value: string): Tree {
    if (value.length > 16) return call("$starts", get(kP), get(kL), this.program.data.text(value), value.length);
    return and(["i32.ge_s", get(kL), value.length], bytesAt(get(kP), value));
  }

  private endsWith(value: string): Tree {
    if (value.length > 16) return call("$ends", get(kP), get(kL), this.program.data.text(value), value.length);
    const tail: Tree = ["i32.add", get(kP), ["i32.sub", get(kL), value.length]];
    return ["if", "i32", ["i32.ge_s", get(kL), value.length], [bytesAt(tail, value)], [0]];
  }

  private int(source: IntSource, op: Operator, values: readonly bigint[]): Node {
    const cost = source.isCheap ? 1 : 8;
    if (op === "=" || op === "==" || op === "in" || op === "intersects") {
      return this.graph.or(
        values.map((value) =>
          this.leaf(source, `= ${value}`, cost, 0.2, (f) => ["i64.eq", source.value(f), i64(value)]),
        ),
      );
    }
    return this.graph.and([
      this.exists(source),
      ...values.map((value) =>
        this.leaf(source, `${op} ${value}`, cost, 0.6, (f) => [kIntOps[op]!, source.value(f), i64(value)]),
      ),
    ]);
  }

  private net(source: IpSource, net: NetValue): Node {
    return this.ipLeaf(source, `in ${net.bytes.join(".")}/${net.bits}`, () => {
      const bits = (start: number) => {
        const size = net.bytes.length === 4 ? 4 : 8;
        const mask = Buffer.alloc(8);
        for (let i = 0; i < size; i++) {
          const left = net.bits - (start + i) * 8;
          mask[i] = left >= 8 ? 255 : left <= 0 ? 0 : (255 << (8 - left)) & 255;
        }
        const value = Buffer.alloc(8);
        for (let i = 0; i < size; i++) value[i] = net.bytes[start + i]! & mask[i]!;
        return { mask: mask.readBigUInt64LE(), value: value.readBigUInt64LE() };
      };
      const part = (start: number): Tree => {
        const { mask, value } = bits(start);
        return ["i64.eq", ["i64.and", load64(get(kP), start), i64(mask)], i64(value)];
      };
      const isFamily: Tree = ["i32.eq", get(kL), net.bytes.length];
      return net.bytes.length === 4 ? and(isFamily, part(0)) : and(isFamily, and(part(0), part(8)));
    });
  }

  private ipLeaf(source: IpSource, question: string, ask: () => Tree): Node {
    return this.leaf(source, question, 3, 0.1, (f) => ["block", f.label(), "i32", ...source.make(f), ask()]);
  }
}

const kIntOps: Partial<Record<Operator, string>> = {
  "<": "i64.lt_s",
  "<=": "i64.le_s",
  ">": "i64.gt_s",
  ">=": "i64.ge_s",
  "=": "i64.eq",
  "==": "i64.eq",
  in: "i64.eq",
  intersects: "i64.eq",
};

// $P, $L against another text.
function comparison(op: Operator, p: Tree, l: Tree): Tree {
  const args = [get(kP), get(kL), p, l];
  switch (op) {
    case "=":
    case "==":
    case "in":
    case "intersects":
      return call("$eq", ...args);
    case "contains":
    case "icontains":
      return call(`$${op}`, ...args);
    case "startswith":
    case "bstartswith":
      return call("$starts", ...args);
    case "endswith":
      return call("$ends", ...args);
    case "bcontains":
      return call("$contains", ...args);
    default: {
      const ops: Record<string, string> = { "<": "i32.lt_s", "<=": "i32.le_s", ">": "i32.gt_s", ">=": "i32.ge_s" };
      return and(["i32.ge_s", get(kL), 0], [ops[op]!, call("$cmp", ...args), 0]);
    }
  }
}

// Whether up to 16 bytes at `address` are those of `value`.
function bytesAt(address: Tree, value: string): Tree {
  const word = (start: number, count: number): Tree => {
    const mask = (1n << BigInt(count * 8)) - 1n;
    let want = 0n;
    for (let i = count - 1; i >= 0; i--) want = (want << 8n) | BigInt(value.charCodeAt(start + i));
    if (count === 8) return ["i64.eq", load64(address, start), i64(want)];
    if (count === 4) return ["i32.eq", load(address, start), Number(BigInt.asIntN(32, want))];
    if (count === 1) return ["i32.eq", ["i32.load8_u", start, address], Number(want)];
    return ["i64.eq", ["i64.and", load64(address, start), i64(mask)], i64(want)];
  };
  if (value.length === 0) return 1;
  if (value.length <= 8) return word(0, value.length);
  return and(word(0, 8), word(value.length - 8, 8));
}
