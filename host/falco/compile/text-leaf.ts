// SPDX-License-Identifier: Apache-2.0
// Questions about texts: whether one is a word of a list, holds a needle, matches a pattern, compares as
// asked.
import type { Operator } from "../condition.js";
import { parseRegex } from "../regex.js";
import { matchTable } from "./automaton.js";
import { and, call, FuncContext, get, i64, load, load64, set, tee } from "./func-context.js";
import { comparison, endsWith, same, startsWith } from "./in-place.js";
import { KEEP_COST, LeafBase } from "./leaf-base.js";
import type { Node } from "./node.js";
import { globRegex, pathRegex, pathWord } from "./patterns.js";
import type { Program } from "./program.js";
import type { TextSource } from "./source.js";
import { L, P } from "./text-source.js";
import type { Func, Tree } from "./wasm.js";

// Up to this many comparisons a field's words are compared one by one.
const FEW_WORDS = 3;
// From this many on, texts to be found are looked for together.
const MANY_SEARCHES = 4;
// From this many paths on, `pmatch` asks a table.
const MANY_PATHS = 64;
const NUMBER_BITS = 32;

/** Adds leaves of texts. */
export class TextLeaves extends LeafBase {
  protected text(source: TextSource, op: Operator, values: readonly string[]): Node {
    switch (op) {
      case "=":
      case "==":
      case "in":
      case "intersects":
        return this.#word(source, values);
      case "contains":
      case "icontains":
        return this.graph.or(values.map((value) => this.#found(source, value, op === "icontains")));
      case "glob":
      case "iglob":
        return this.#matches(source, op, values, () =>
          matchTable({ kind: "choice", parts: values.map((v) => globRegex(v, op === "iglob")) }),
        );
      case "regex":
        return this.#matches(source, op, values, () => matchTable({ kind: "choice", parts: values.map(parseRegex) }));
      case "pmatch":
        return this.#pathPrefix(source, values);
      case "bcontains":
        return this.text(source, "contains", values);
      case "bstartswith":
        return this.text(source, "startswith", values);
      default:
        return this.graph.or(values.map((value) => this.#compared(source, op, value)));
    }
  }

  /** Whether all texts of a strlist are in `values`, or any of them. */
  list(source: TextSource, op: Operator, values: readonly string[]): Node {
    const dictionary = this.program.dictionary(source.vocabulary);
    dictionary.addAll(values);
    const key = `list ${op} ${this.program.listKey(values)}`;
    return this.leaf(source, key, 60, 0.1, (f) => {
      const bits = this.program.constant(`bits ${source.vocabulary} ${key}`, () =>
        dictionary.bits(values, this.program.data),
      );
      const table = this.program.dictionaryTable(source.vocabulary);
      const ask = call("$list_in", get(P), get(L), table, bits, op === "in" ? 1 : 0);
      return ["block", f.label(), "i32", ...source.make(f), ask];
    });
  }

  // `=` and `in`: by the number of the value's word.
  #word(source: TextSource, values: readonly string[]): Node {
    if (values.length === 0) return this.graph.no;
    const dictionary = this.program.dictionary(source.vocabulary);
    dictionary.addAll(values);
    const chance = Math.min(0.05 * values.length, 0.3);
    const cost = source.cached ? 2 : 2.5 + source.cost / 2;
    const key = `in ${this.program.listKey(values)}`;
    return this.leaf({ key: source.key, scope: source.scope }, key, Math.min(cost, KEEP_COST - 1), chance, (f) => {
      if (!source.cached && (dictionary.size <= FEW_WORDS || values.length === 1)) {
        const isAny = values.map((value) => same(this.program, value)).reduce((a, b) => ["i32.or", a, b]);
        return ["block", f.label(), "i32", ...source.make(f), isAny];
      }
      const number = this.#numberOf(source, f);
      if (values.length === 1) return ["i32.eq", number, dictionary.idOf(values[0]!)];
      const { program } = this;
      // A bit for every word of the field, or the numbers of these: what takes less room.
      if (values.length * NUMBER_BITS < dictionary.size) {
        const numbers = () => dictionary.numbers(values, program.data);
        const at = program.constant(`numbers ${source.vocabulary} ${key}`, numbers);
        return call("$number_in", number, at, new Set(values).size);
      }
      const bits = program.constant(`bits ${source.vocabulary} ${key}`, () => dictionary.bits(values, program.data));
      const word = f.local("$word");
      return and(["i32.shr_u", ["i32.load8_u", bits, ["i32.shr_u", tee(word, number), 3]], and(get(word), 7)], 1);
    });
  }

  // Many paths without wildcards are words of a table, in which every beginning of the value is looked up;
  // the others are an automaton.
  #pathPrefix(source: TextSource, values: readonly string[]): Node {
    if (values.length === 0) return this.graph.no;
    const automaton = (paths: readonly string[]) =>
      this.#matches(source, "pmatch", paths, () => matchTable(pathRegex(paths)));
    if (values.length < MANY_PATHS) return automaton(values);
    const isPlain = (path: string) => /[^/]/.test(path) && !/[*?[\\]/.test(path);
    const [plain, others] = [values.filter(isPlain), values.filter((path) => !isPlain(path))];
    const key = `path ${this.program.listKey(values)}`;
    const dictionary = this.program.dictionary(key);
    if (dictionary.size === 0) dictionary.addAll(plain.map(pathWord));
    const known = this.leaf(source, key, source.cost + 60, 0.05, (f) => [
      "block",
      f.label(),
      "i32",
      ...source.make(f),
      call("$path_in", get(P), get(L), this.program.dictionaryTable(key)),
    ]);
    return others.length === 0 ? known : this.graph.or([known, automaton(others)]);
  }

  #numberOf(source: TextSource, f: FuncContext): Tree {
    const table = () => this.program.dictionaryTable(source.vocabulary);
    if (source.cached) {
      const { base, slot } = source.cached;
      const at = this.program.slot(slot, 4);
      const { entry, cache } = f.process(base);
      const helper = this.program.helper(`word ${source.key} ${slot}`, (name) =>
        this.#wordHelper(name, source, at, table()),
      );
      const number = f.local("$number");
      return ["if", "i32", tee(number, load(cache, at)), [get(number)], [call(helper, entry, cache)]];
    }
    const number = f.local(`$number${this.program.number(source.key)}`);
    const found = tee(number, call("$dict", get(P), get(L), table()));
    return ["if", "i32", get(number), [get(number)], [...source.make(f), found]];
  }

  // Looks up the word of a process's text, and keeps its number. Whose text it is, is the caller's choice.
  #wordHelper(name: string, source: TextSource, at: number, table: number): Func {
    const f = FuncContext.ofProcess(name, true);
    const number = f.local("$number");
    const body: Tree[] = [
      ...source.make(f),
      set(number, call("$dict", get(P), get(L), table)),
      ["i32.store", at, get("$pc"), get(number)],
      get(number),
    ];
    return f.done(body, "i32");
  }

  #found(source: TextSource, text: string, isCaseFolded: boolean): Node {
    if (text === "") return this.exists(source);
    const search = this.program.search(source.vocabulary, isCaseFolded);
    search.add(text);
    const op = isCaseFolded ? "icontains" : "contains";
    const direct = (f: FuncContext): Tree => {
      const { at, size } = this.program.text(text);
      const make = source.entries && !/[ \0]/.test(text) ? source.entries(f) : source.make(f);
      return ["block", f.label(), "i32", ...make, call(`$${op}`, get(P), get(L), at, size)];
    };
    const question = `${op} ${JSON.stringify(text)}`;
    const isShared = source.cached !== null;
    const emit = (f: FuncContext): Tree => {
      if (search.size < MANY_SEARCHES) return direct(f);
      const { group, bit } = search.placeOf(text);
      return ["i64.ne", ["i64.and", this.#foundSet(source, search, group, f), i64(bit)], i64(0)];
    };
    // Kept as a set where many are looked for, so that the single answer need not be.
    if (isShared)
      return this.graph.leaf({ key: `${source.key} ${question}`, scope: source.scope, cost: 4, chance: 0.05, emit });
    return this.leaf(source, question, source.cost + 15, 0.05, emit);
  }

  #foundSet(source: TextSource, search: ReturnType<Program["search"]>, group: number, f: FuncContext): Tree {
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
        [set(isKnown, 1), ...source.make(f), tee(found, call("$search", get(P), get(L), table))],
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
          set(found, call("$search", get(P), get(L), table)),
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

  #matches(source: TextSource, op: string, values: readonly string[], make: () => ReturnType<typeof matchTable>): Node {
    const key = `${op} ${this.program.listKey(values)}`;
    const table = this.program.match(key, make); // a pattern that is too complex is refused now
    const at = () => this.program.constant(`match ${key}`, () => this.program.data.match(table));
    return this.leaf(source, key, source.cost + 30, 0.05, (f) => [
      "block",
      f.label(),
      "i32",
      ...source.make(f),
      call("$match", get(P), get(L), at()),
    ]);
  }

  #compared(source: TextSource, op: Operator, value: string): Node {
    const question = `${op} ${JSON.stringify(value)}`;
    const cost = source.cost + (value.length <= 16 ? 1.5 : 4);
    return this.textLeaf(source, question, 0.1, cost, () => {
      if (op === "startswith") return startsWith(this.program, value);
      if (op === "endswith") return endsWith(this.program, value);
      const { at, size } = this.program.text(value);
      return comparison(op, at, size);
    });
  }
}
