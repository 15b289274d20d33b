// SPDX-License-Identifier: Apache-2.0
// Why a rule did not fire for an event: which terms of its condition were false, and with which values.
// Nothing is interpreted here. Each term is compiled as a rule of its own, and the engine that judges the
// rule judges its terms: the two cannot differ. What `and`, `or` and `not` make of the terms is all that this
// file knows.
//
//   condition   evt.type = openat and (fd.name = /a or fd.name = /b) and not proc.name = cat
//   terms       evt.type = openat   fd.name = /a   fd.name = /b   proc.name = cat
//
// The *decisive* terms are a smallest set that, answered the other way, change the verdict. One term is
// looked for first, then two; where more are needed, the cheapest way through the tree is taken.
import { admit, WIDE_LIMITS } from "../wasm/admission.js";
import { PolicyInstance } from "../wasm/instance.js";
import type { Batch } from "../wire/batch.js";
import { bind } from "./bind.js";
import { compilePolicy } from "./compile/policy.js";
import { type Expr, fieldText, fromBytes, type Operand, type Value } from "./condition.js";
import { capturedTypes } from "./event-types.js";
import { NO_STATICS, type Statics } from "./fields.js";
import type { LoadedRule } from "./load.js";

/** A check or `exists` of a condition, and the names of the fields that it reads. */
export interface Term {
  /** As a rule would write it. */
  readonly text: string;
  readonly fields: readonly string[];
}

/** What one rule says of one event. */
export interface Verdict {
  readonly isMatch: boolean;
  /**
   * Terms that, all answered the other way, change it. Each with its answer now. Empty: nothing changes it.
   */
  readonly decisive: readonly { readonly term: Term; readonly isTrue: boolean }[];
}

/** How a rule is loaded and compiled. */
export interface TermOptions {
  /** Types of events that will be asked about, beside those that the rule can match. */
  readonly types?: readonly string[];
  readonly statics?: Statics;
  readonly isFalcoExact?: boolean;
}

type Leaf = Extract<Expr, { kind: "check" | "exists" }>;
type Answer = (leaf: Leaf) => boolean;

/** Terms whose pairs are tried: a rule has dozens, and each pair costs a walk through its tree. */
const PAIRED_MAX = 64;

/** The terms of one rule, compiled. Use it from one thread. */
export class RuleTerms {
  readonly #expr: Expr;
  readonly #terms: readonly Term[];
  /** The place of a leaf's term. Leaves of one text are one term. */
  readonly #places: ReadonlyMap<Leaf, number>;
  readonly #instance: PolicyInstance | null;
  /** Of each record of the batch that was looked at: the terms that are true. */
  readonly #true = new Map<number, Set<number>>();

  /** Throws what compilePolicy() throws. */
  static async of(rule: LoadedRule, options: TermOptions = {}): Promise<RuleTerms> {
    const leaves = leavesOf(rule.expr);
    const byText = new Map<string, Leaf>();
    for (const leaf of leaves) byText.set(termText(leaf), byText.get(termText(leaf)) ?? leaf);
    const texts = [...byText.keys()];
    const places = new Map(leaves.map((leaf) => [leaf, texts.indexOf(termText(leaf))]));
    const { statics = NO_STATICS, isFalcoExact = false } = options;
    const types = new Set([...rule.events, ...(options.types ?? [])]);
    const alone = { ...rule, output: "", fields: [], enabled: true };
    const rules = [...byText.values()].map((leaf, place): LoadedRule => {
      const events = capturedTypes(leaf).map((event) => event.name);
      const bound = bind(leaf, statics);
      return { ...alone, name: `${place}`, expr: leaf, bound, events: events.filter((name) => types.has(name)) };
    });
    const whole = { ...alone, name: "whole" };
    const { wasm, rules: told } = compilePolicy([...rules, whole], { name: "terms", matching: "all", isFalcoExact });
    const admitted = told.length === 0 ? null : await admit(wasm, rule.name, WIDE_LIMITS);
    const terms = [...byText.values()].map((leaf) => ({ text: termText(leaf), fields: fieldsOf(leaf) }));
    const order = told.map((one) => [...rules, whole].indexOf(one));
    return new RuleTerms(rule.expr, terms, places, (terms) => {
      const onAlert = (told: number, record: number) => terms.#note(record, order[told]!);
      return admitted === null ? null : PolicyInstance.start(admitted, {}, { onAlert, onLog: () => {} });
    });
  }

  private constructor(
    expr: Expr,
    terms: readonly Term[],
    places: ReadonlyMap<Leaf, number>,
    start: (terms: RuleTerms) => PolicyInstance | null,
  ) {
    this.#expr = expr;
    this.#terms = terms;
    this.#places = places;
    this.#instance = start(this);
  }

  /** Judges a batch. What is asked next is of its records, by their offsets. */
  look(batch: Batch): void {
    this.#true.clear();
    const trap = this.#instance?.judge(batch, { index: 0, offset: 0 }) ?? null;
    if (trap !== null) throw trap;
  }

  /** Whether the rule matches it, as the engine says. */
  isMatch(record: number): boolean {
    return this.#of(record).has(this.#terms.length);
  }

  /** How many terms would have to be answered otherwise, as if none stood in the condition twice. */
  distance(record: number): number {
    return this.#cheapest(this.#expr, !this.isMatch(record), this.#of(record)).length;
  }

  /** Which of them. */
  verdict(record: number): Verdict {
    const of = this.#of(record);
    const isMatch = this.isMatch(record);
    const decisive = this.#decisiveOf(of, isMatch);
    return { isMatch, decisive: decisive.map((place) => ({ term: this.#terms[place]!, isTrue: of.has(place) })) };
  }

  #note(record: number, term: number): void {
    this.#true.set(record, this.#of(record).add(term));
  }

  #of(record: number): Set<number> {
    return this.#true.get(record) ?? new Set();
  }

  #decisiveOf(trueTerms: ReadonlySet<number>, isMatch: boolean): number[] {
    const changes = (changed: readonly number[]): boolean => {
      const answer: Answer = (leaf) => trueTerms.has(this.#place(leaf)) !== changed.includes(this.#place(leaf));
      return holds(this.#expr, answer) !== isMatch;
    };
    const cheapest = [...new Set(this.#cheapest(this.#expr, !isMatch, trueTerms))].sort((a, b) => a - b);
    const places = this.#terms.map((_, place) => place);
    const one = [...cheapest, ...places].find((place) => changes([place]));
    if (one !== undefined) return [one];
    if (cheapest.length === 2 && changes(cheapest)) return cheapest;
    const paired = places.slice(0, PAIRED_MAX);
    const two = paired.flatMap((a) => paired.slice(a + 1).map((b) => [a, b])).find(changes);
    if (two !== undefined) return two;
    // A text that stands in the condition twice may need fewer, or contradict itself: then nothing helps.
    return changes(cheapest) ? withoutIdle(cheapest, changes) : [];
  }

  /** The fewest terms, by their places, that make `expr` answer so, as if no term stood in it twice. */
  #cheapest(expr: Expr, wanted: boolean, trueTerms: ReadonlySet<number>): number[] {
    const of = (child: Expr): number[] => this.#cheapest(child, wanted, trueTerms);
    switch (expr.kind) {
      case "not":
        return this.#cheapest(expr.child, !wanted, trueTerms);
      case "and":
      case "or": {
        const ways = expr.children.map(of);
        const needsAll = (expr.kind === "and") === wanted;
        return needsAll ? ways.flat() : ways.reduce((best, way) => (way.length < best.length ? way : best));
      }
      case "macro":
        throw new Error(`macro ${expr.name} is not resolved`);
      default: {
        const place = this.#place(expr);
        return trueTerms.has(place) === wanted ? [] : [place];
      }
    }
  }

  #place(leaf: Leaf): number {
    return this.#places.get(leaf) as number;
  }
}

function withoutIdle(places: readonly number[], changes: (changed: readonly number[]) => boolean): number[] {
  return places.reduce<number[]>(
    (kept, place) => {
      const rest = kept.filter((one) => one !== place);
      return changes(rest) ? rest : kept;
    },
    [...places],
  );
}

function holds(expr: Expr, answer: Answer): boolean {
  switch (expr.kind) {
    case "and":
      return expr.children.every((child) => holds(child, answer));
    case "or":
      return expr.children.some((child) => holds(child, answer));
    case "not":
      return !holds(expr.child, answer);
    case "macro":
      throw new Error(`macro ${expr.name} is not resolved`);
    default:
      return answer(expr);
  }
}

/** Each once, also where a macro that was used twice is one shared tree. */
function leavesOf(expr: Expr, seen = new Set<Expr>()): Leaf[] {
  if (seen.has(expr)) return [];
  seen.add(expr);
  switch (expr.kind) {
    case "and":
    case "or":
      return expr.children.flatMap((child) => leavesOf(child, seen));
    case "not":
      return leavesOf(expr.child, seen);
    case "macro":
      return [];
    default:
      return [expr];
  }
}

/** As a rule would write it. */
export function termText(leaf: Leaf): string {
  if (leaf.kind === "exists") return `${operandText(leaf.left)} exists`;
  const modifier = leaf.modifier === null ? "" : ` ${leaf.modifier}`;
  return `${operandText(leaf.left)} ${leaf.op}${modifier} ${rightText(leaf.right)}`;
}

function rightText(right: Value | Operand): string {
  if (right.kind === "text") return quoted(right.value);
  if (right.kind === "list") return `(${right.values.map(quoted).join(", ")})`;
  return right.kind === "field" ? `val(${operandText(right)})` : operandText(right);
}

function operandText(operand: Operand): string {
  if (operand.kind === "field") return fieldText(operand);
  const args = operand.args.map((arg) => (arg.kind === "text" ? quoted(arg.value) : operandText(arg)));
  return `${operand.name}(${args.join(", ")})${operand.arg === null ? "" : `[${operand.arg}]`}`;
}

function quoted(bytes: string): string {
  const text = fromBytes(bytes);
  return /^[\w./:@%+*?~-]+$/.test(text) ? text : JSON.stringify(text);
}

function fieldsOf(leaf: Leaf): string[] {
  const of = (operand: Operand): string[] =>
    operand.kind === "field"
      ? [fieldText(operand)]
      : operand.args.flatMap((arg) => (arg.kind === "text" ? [] : of(arg)));
  const right = leaf.kind === "check" && leaf.right.kind !== "text" && leaf.right.kind !== "list" ? of(leaf.right) : [];
  return [...new Set([...of(leaf.left), ...right])];
}
