// SPDX-License-Identifier: Apache-2.0
// Turns nodes into code. A node that several others or several rules ask for is answered once for an event:
// one bit says that the answer is known, another what it is.
import { VedetteError } from "../../errors.js";
import { call, type FuncContext, get, PART_PARAMS, set } from "./func-context.js";
import { boundMemory } from "./memory-bound.js";
import type { Node } from "./node.js";
import type { Program } from "./program.js";
import type { Tree } from "./wasm.js";

// Below this, asking again is cheaper than looking up the answer.
const MEMO_COST = 1.6;
// Below this, both sides of `and` are computed rather than jumped over.
const PLAIN_COST = 1.2;
/**
 * A conjunction or disjunction of more kids than this is emitted as a flat row of jumps, not as nested ifs.
 */
export const NESTED_MAX = 8;
const PART_MAX = 256;
/** Of one function: so many are more than the engine takes, whatever they are. */
const NODES_MAX = 300_000;

/** Emits the nodes of one function. */
export class Emitter {
  readonly #memo = new Map<number, number>();
  #count = 0;

  // `uses` counts how often each node is asked for; without it nothing is remembered.
  readonly #f: FuncContext;
  readonly #program: Program | null;

  constructor(f: FuncContext, uses: ReadonlyMap<Node, number> = new Map(), program: Program | null = null) {
    this.#f = f;
    this.#program = program;
    for (const [node, count] of uses) {
      if (count > 1 && node.op !== "const" && node.op !== "not" && node.cost > MEMO_COST)
        this.#memo.set(node.id, this.#memo.size);
    }
  }

  emit(node: Node): Tree {
    this.#bound();
    const bit = this.#memo.get(node.id);
    if (bit === undefined) return this.#plain(node);
    const word = bit >> 5;
    const mask = 1 << (bit & 31);
    const known = this.#f.local(`$known${word}`);
    const value = this.#f.local(`$value${word}`);
    const answer = this.#f.local(`$m${node.id}`);
    return [
      "if",
      "i32",
      ["i32.and", get(known), mask],
      [["i32.and", ["i32.shr_u", get(value), bit & 31], 1]],
      [
        // The answer first: finding it may set other bits of these words.
        set(answer, this.#plain(node)),
        set(known, ["i32.or", get(known), mask]),
        set(value, ["i32.or", get(value), ["i32.shl", get(answer), bit & 31]]),
        get(answer),
      ],
    ];
  }

  // A node that others share is written out at each place: macros that ask for one another again and again
  // would be written out without end.
  #bound(): void {
    boundMemory();
    if (++this.#count <= NODES_MAX) return;
    const reason = `one function would ask more than ${NODES_MAX} questions, as macros that name others many times do`;
    throw new VedetteError("VEDETTE_FALCO_TOO_MUCH", { reason });
  }

  /** Many are asked one behind another, not one within another: thousands would be deeper than any stack. */
  flat(op: "and" | "or", kids: readonly Node[]): Tree {
    const done = this.#f.label();
    const answer = op === "or" ? 1 : 0;
    const isSettled = (value: Tree): Tree => (op === "or" ? value : ["i32.eqz", value]);
    const values =
      kids.length > PART_MAX && this.#f.isEvent ? this.#parts(op, kids) : kids.map((kid) => this.emit(kid));
    const asked = values.map((value): Tree => ["if", null, isSettled(value), [["br", done, answer]], null]);
    return ["block", done, "i32", ...asked, 1 - answer];
  }

  // The engine needs memory and time without measure for a function of megabytes: each so many are one of
  // their own.
  #parts(op: "and" | "or", kids: readonly Node[]): Tree[] {
    const program = this.#program;
    if (program === null) return kids.map((kid) => this.emit(kid));
    const out: Tree[] = [];
    for (let at = 0; at < kids.length; at += PART_MAX) {
      const part = program.part(this.#f, (f) =>
        new Emitter(f, new Map(), program).flat(op, kids.slice(at, at + PART_MAX)),
      );
      out.push(call(part, ...PART_PARAMS.map(get)));
    }
    return out;
  }

  #plain(node: Node): Tree {
    switch (node.op) {
      case "const":
        return node.value ? 1 : 0;
      case "leaf":
        return node.leaf.emit(this.#f);
      case "not":
        return ["i32.eqz", this.emit(node.kid)];
      case "one":
        return ["i32.eq", sum(node.kids.map((kid) => this.emit(kid))), 1];
      default:
        return this.#join(node.op, node.kids);
    }
  }

  #join(op: "and" | "or", kids: readonly Node[]): Tree {
    if (kids.length > NESTED_MAX) return this.flat(op, kids);
    const [first, ...rest] = kids;
    const head = this.emit(first!);
    if (rest.length === 0) return head;
    const tail = this.#join(op, rest);
    if (rest.length === 1 && rest[0]!.cost < PLAIN_COST && first!.cost < PLAIN_COST) return [`i32.${op}`, head, tail];
    return op === "and" ? ["if", "i32", head, [tail], [0]] : ["if", "i32", head, [1], [tail]];
  }
}

// As a tree that is as high as it must be.
function sum(trees: readonly Tree[]): Tree {
  if (trees.length === 1) return trees[0]!;
  const half = trees.length >> 1;
  return ["i32.add", sum(trees.slice(0, half)), sum(trees.slice(half))];
}

/** How often each node is asked for below `roots`. */
export function countUses(roots: Iterable<Node>): Map<Node, number> {
  const uses = new Map<Node, number>();
  const visit = (node: Node) => {
    const count = (uses.get(node) ?? 0) + 1;
    uses.set(node, count);
    if (count > 1) return;
    if (node.op === "not") visit(node.kid);
    else if (node.op === "and" || node.op === "or" || node.op === "one") node.kids.forEach(visit);
  };
  for (const root of roots) visit(root);
  return uses;
}
