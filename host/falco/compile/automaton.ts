// SPDX-License-Identifier: Apache-2.0
// Automata, made when rules are compiled and run as table look-ups: one step a byte, no backtracking,
// whatever the pattern.
//
//   matchTable  a regular expression that has to match the whole text. Thompson's construction gives an NFA, the subset
//               construction a DFA. State 0 is dead; states from `accepting` on accept.
//   searchTable which of up to 64 texts occur anywhere (Aho-Corasick): each state knows the set it has found.
//
// Bytes that no pattern tells apart share a class, which keeps a row at some tens of entries.
import { VedetteError } from "../../errors.js";
import type { Regex } from "../regex-tree.js";
import { boundMemory } from "./memory-bound.js";

/**
 * A DFA. Begin in `start`, take one step a byte; the text matches where the last state is `accepting` or
 * above.
 */
export interface MatchTable {
  readonly classOf: Uint8Array; // 256
  readonly classes: number;
  readonly next: Uint16Array; // [state * classes + class]
  readonly start: number;
  readonly accepting: number; // states from this one on accept
  readonly states: number;
}

const STATES_MAX = 16_384;
/** A thousand alternatives of twenty characters have two thirds of that. */
const POSITIONS_MAX = 30_000;
/** Looks at a position on the way from one state to the next, which are some seconds at most. */
const STEPS_MAX = 10_000_000;

interface State {
  readonly edges: { set: boolean[]; to: number }[];
  readonly free: { to: number; when: "always" | "start" | "end" }[];
}

/** Throws VEDETTE_FALCO_TOO_MUCH where the automaton has too many states. */
export function matchTable(regex: Regex): MatchTable {
  const nfa = new Nfa();
  const final = nfa.state();
  const start = nfa.build(regex, final);
  const classOf = classesOf(nfa.states.flatMap((s) => s.edges.map((e) => e.set)));
  const classes = Math.max(...classOf) + 1;
  const sample = Array.from({ length: classes }, (_, c) => classOf.indexOf(c));

  const ids = new Map<string, number>();
  const sets: number[][] = [];
  let steps = 0;
  const idOf = (set: number[]): number => {
    const key = set.join();
    let id = ids.get(key);
    if (id === undefined) {
      id = sets.push(set) - 1;
      if (id > STATES_MAX) tooComplex();
      ids.set(key, id);
      boundMemory();
    }
    return id;
  };
  idOf([]); // dead
  const first = idOf(nfa.closure([start], true));
  const rows: number[][] = [];
  for (let id = 0; id < sets.length; id++) {
    rows.push(
      sample.map((byte) => {
        const to = new Set<number>();
        steps += sets[id]!.length;
        if (steps > STEPS_MAX) tooComplex();
        for (const s of sets[id]!) for (const e of nfa.states[s]!.edges) if (e.set[byte]) to.add(e.to);
        return idOf(nfa.closure([...to], false));
      }),
    );
  }
  const isAccepting = sets.map((set) => nfa.atEnd(set).has(final));
  return numbered(rows, isAccepting, first, classOf, classes);
}

function tooComplex(): never {
  const reason = `a pattern of regex, glob or pmatch, or all of one list, would need more than ${STATES_MAX} states or too many steps`;
  throw new VedetteError("VEDETTE_FALCO_TOO_MUCH", { reason });
}

// Renumbers so that the accepting states come last and the dead one first.
function numbered(
  rows: number[][],
  isAccepting: boolean[],
  start: number,
  classOf: Uint8Array,
  classes: number,
): MatchTable {
  const order = rows.map((_, id) => id).sort((a, b) => Number(isAccepting[a]) - Number(isAccepting[b]) || a - b);
  const place = new Array<number>(rows.length);
  order.forEach((id, i) => {
    place[id] = i;
  });
  const next = new Uint16Array(rows.length * classes);
  rows.forEach((row, id) => {
    row.forEach((to, c) => {
      next[place[id]! * classes + c] = place[to]!;
    });
  });
  const accepting = rows.length - isAccepting.filter(Boolean).length;
  return { classOf, classes, next, start: place[start]!, accepting, states: rows.length };
}

/** Runs it here, on a byte string: for values that are known when rules are compiled. */
export function isMatch(table: MatchTable, text: string): boolean {
  let state = table.start;
  for (let i = 0; i < text.length; i++) state = table.next[state * table.classes + table.classOf[text.charCodeAt(i)]!]!;
  return state >= table.accepting;
}

class Nfa {
  readonly states: State[] = [];

  state(): number {
    if (this.states.length > POSITIONS_MAX) tooComplex();
    return this.states.push({ edges: [], free: [] }) - 1;
  }

  // The state from which `regex` leads to `to`.
  build(regex: Regex, to: number): number {
    switch (regex.kind) {
      case "bytes":
        return this.#with((s) => s.edges.push({ set: regex.set, to }));
      case "start":
      case "end":
        return this.#with((s) => s.free.push({ to, when: regex.kind }));
      case "sequence":
        return regex.parts.reduceRight((next, part) => this.build(part, next), to);
      case "choice": {
        const starts = regex.parts.map((part) => this.build(part, to));
        return this.#with((s) => s.free.push(...starts.map((start) => ({ to: start, when: "always" as const }))));
      }
      case "repeat":
        return this.#repeat(regex.part, regex.min, regex.max, to);
    }
  }

  #repeat(part: Regex, min: number, max: number, to: number): number {
    let next = to;
    if (max === Number.POSITIVE_INFINITY) {
      const loop = this.state();
      const body = this.build(part, loop);
      this.states[loop]!.free.push({ to: body, when: "always" }, { to, when: "always" });
      next = loop;
    } else {
      for (let i = min; i < max; i++) {
        const body = this.build(part, next);
        next = this.#with((s) => s.free.push({ to: body, when: "always" }, { to, when: "always" }));
      }
    }
    for (let i = 0; i < min; i++) next = this.build(part, next);
    return next;
  }

  closure(from: number[], isStart: boolean): number[] {
    return [...this.#reach(from, (when) => when === "always" || (when === "start" && isStart))].sort((a, b) => a - b);
  }

  // What is reached when the text ends here.
  atEnd(from: number[]): Set<number> {
    return this.#reach(from, (when) => when !== "start");
  }

  #reach(from: number[], mayPass: (when: State["free"][number]["when"]) => boolean): Set<number> {
    const seen = new Set(from);
    const rest = [...from];
    for (let s = rest.pop(); s !== undefined; s = rest.pop()) {
      for (const { to, when } of this.states[s]!.free) {
        if (seen.has(to) || !mayPass(when)) continue;
        seen.add(to);
        rest.push(to);
      }
    }
    return seen;
  }

  #with(fill: (state: State) => void): number {
    const id = this.state();
    fill(this.states[id]!);
    return id;
  }
}

// Splits the bytes into classes that no set divides.
function classesOf(sets: boolean[][]): Uint8Array {
  const distinct = [...new Map([...new Set(sets)].map((set) => [set.map(Number).join(""), set])).values()];
  const keys = new Map<string, number>();
  const out = new Uint8Array(256);
  for (let b = 0; b < 256; b++) {
    const key = distinct.map((set) => (set[b] ? "1" : "0")).join("");
    if (!keys.has(key)) keys.set(key, keys.size);
    out[b] = keys.get(key)!;
  }
  return out;
}

/** As MatchTable; it finds every occurrence instead of matching the whole text. */
export interface SearchTable {
  readonly classOf: Uint8Array;
  readonly classes: number;
  readonly next: Uint16Array;
  readonly found: BigUint64Array; // by state: bit i says that text i ends here
}

/** Texts of one table: `found` has a bit for each. */
export const SEARCH_MAX = 64;

/** The table for these byte strings, at most SEARCH_MAX of them. */
export function searchTable(texts: readonly string[], isCaseFolded: boolean): SearchTable {
  const fold = (text: string) => (isCaseFolded ? foldCase(text) : text);
  const wanted = texts.map(fold);
  const used = [...new Set(wanted.join(""))];
  const classOf = new Uint8Array(256);
  used.forEach((c, i) => {
    classOf[c.charCodeAt(0)] = i + 1;
    if (isCaseFolded && /[a-z]/.test(c)) classOf[c.toUpperCase().charCodeAt(0)] = i + 1;
  });
  const classes = used.length + 1;
  const rows: number[][] = [];
  const found: bigint[] = [];
  const state = () => {
    found.push(0n);
    return rows.push(new Array<number>(classes).fill(-1)) - 1;
  };
  state();
  wanted.forEach((text, i) => {
    let at = 0;
    for (const c of text) {
      const cls = classOf[c.charCodeAt(0)]!;
      if (rows[at]![cls]! < 0) rows[at]![cls] = state();
      at = rows[at]![cls]!;
    }
    found[at] = found[at]! | (1n << BigInt(i));
  });
  // Breadth first: where a state has no step of its own, it takes that of the longest suffix that is a state.
  const fail = new Array<number>(rows.length).fill(0);
  const queue: number[] = [];
  for (let c = 0; c < classes; c++) {
    const to = rows[0]![c]!;
    if (to < 0) rows[0]![c] = 0;
    else queue.push(to);
  }
  for (let i = 0; i < queue.length; i++) {
    const s = queue[i]!;
    found[s] = found[s]! | found[fail[s]!]!;
    for (let c = 0; c < classes; c++) {
      const to = rows[s]![c]!;
      const other = rows[fail[s]!]![c]!;
      if (to < 0) rows[s]![c] = other;
      else {
        fail[to] = other;
        queue.push(to);
      }
    }
  }
  return { classOf, classes, next: Uint16Array.from(rows.flat()), found: BigUint64Array.from(found) };
}

/** ASCII only, as strcasestr(3) in the C locale. */
export function foldCase(text: string): string {
  return text.replace(/[A-Z]/g, (c) => c.toLowerCase());
}
