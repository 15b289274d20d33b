// SPDX-License-Identifier: Apache-2.0
// Conditions as a graph of truths, each distinct truth once: two rules that ask the same share the node, and
// so its answer. Building a node simplifies it: constants vanish, nested `and`s join, double negation goes.
// Nothing has side effects, so that the order of evaluation is free; cost and likelihood say which order is
// cheap.
import { createHash } from "node:crypto";
import type { FuncContext } from "./func-context.js";
import { boundMemory } from "./memory-bound.js";
import type { Tree } from "./wasm.js";

/**
 * One truth about an event. `chance` is how likely it holds, from 0 to 1, and `cost` is in rough
 * instructions.
 */
export type Node = ConstNode | LeafNode | NotNode | JoinNode | OneNode;

interface Common {
  readonly id: number;
  readonly cost: number; // ns, roughly, to find out
  readonly chance: number; // of being true, guessed
}
/** Known when the rules are compiled. */
export interface ConstNode extends Common {
  readonly op: "const";
  readonly value: boolean;
}
/** A question that code answers. */
export interface LeafNode extends Common {
  readonly op: "leaf";
  readonly leaf: Leaf;
}
/** The opposite of `kid`. */
export interface NotNode extends Common {
  readonly op: "not";
  readonly kid: Node;
}
/** All of the kids, or any of them. */
export interface JoinNode extends Common {
  readonly op: "and" | "or";
  readonly kids: Node[];
}
/** Exactly one of the kids is true. */
export interface OneNode extends Common {
  readonly op: "one";
  readonly kids: Node[];
}

/**
 * A question about an event. `scope` process: the answer depends on nothing but the record's entry in the
 * process table.
 */
export interface Leaf {
  readonly key: string;
  readonly scope: "event" | "process";
  readonly cost: number;
  readonly chance: number;
  emit(f: FuncContext): Tree; // an i32, 0 or 1
}

/** All nodes of one type of event. Two calls with the same arguments give the same node. */
export class Graph {
  readonly #known = new Map<string, Node>();
  readonly yes: ConstNode = { op: "const", value: true, id: 0, cost: 0, chance: 1 };
  readonly no: ConstNode = { op: "const", value: false, id: 1, cost: 0, chance: 0 };
  #next = 2;

  constant(value: boolean): Node {
    return value ? this.yes : this.no;
  }

  leaf(leaf: Leaf): Node {
    const { cost, chance } = leaf;
    return this.#share(leaf.key, (id) => ({ op: "leaf", leaf, id, cost, chance }));
  }

  not(kid: Node): Node {
    if (kid.op === "const") return this.constant(!kid.value);
    if (kid.op === "not") return kid.kid;
    return this.#share(`!${kid.id}`, (id) => ({ op: "not", kid, id, cost: kid.cost + 0.3, chance: 1 - kid.chance }));
  }

  and(kids: readonly Node[]): Node {
    return this.#join("and", kids);
  }

  or(kids: readonly Node[]): Node {
    return this.#join("or", kids);
  }

  one(kids: readonly Node[]): Node {
    if (kids.length < 2) return kids[0] ?? this.no;
    const key = `1:${kids.map((k) => k.id).join()}`;
    const cost = kids.reduce((sum, k) => sum + k.cost, 1);
    return this.#share(key, (id) => ({ op: "one", kids: [...kids], id, cost, chance: 0.1 }));
  }

  #join(op: "and" | "or", kids: readonly Node[]): Node {
    const decisive = op === "or";
    const flat = new Map<number, Node>();
    for (const kid of kids.flatMap((k) => (k.op === op ? k.kids : [k]))) {
      if (kid.op === "const") {
        if (kid.value === decisive) return this.constant(decisive);
      } else flat.set(kid.id, kid);
    }
    for (const kid of flat.values()) if (kid.op === "not" && flat.has(kid.kid.id)) return this.constant(decisive);
    const all = [...flat.values()].sort((a, b) => rank(a, op) - rank(b, op) || a.id - b.id);
    if (all.length === 0) return this.constant(!decisive);
    if (all.length === 1) return all[0]!;
    const key = `${op}:${all.map((k) => k.id).join()}`;
    return this.#share(key, (id) => ({ op, kids: all, id, ...expectation(all, op) }));
  }

  #share(key: string, make: (id: number) => Node): Node {
    const known = this.#known.get(key);
    if (known) return known;
    boundMemory();
    const node = make(this.#next++);
    this.#known.set(key, node);
    return node;
  }
}

/** Cheap and decisive first: the price of a decision. */
export function rank(node: Node, op: "and" | "or"): number {
  const decides = op === "and" ? 1 - node.chance : node.chance;
  return (node.cost + 0.2) / Math.max(decides, 0.001);
}

function expectation(kids: readonly Node[], op: "and" | "or"): { cost: number; chance: number } {
  let reached = 1;
  let cost = 0;
  for (const kid of kids) {
    cost += reached * (kid.cost + 0.3);
    reached *= op === "and" ? kid.chance : 1 - kid.chance;
  }
  return { cost, chance: op === "and" ? reached : 1 - reached };
}

/** Of which scope an answer is: the event's, as soon as a part of it is. */
export function scopeOf(node: Node): Leaf["scope"] {
  if (node.op === "const") return "process";
  if (node.op === "leaf") return node.leaf.scope;
  const kids = node.op === "not" ? [node.kid] : node.kids;
  return kids.some((kid) => scopeOf(kid) === "event") ? "event" : "process";
}

const described = new WeakMap<Node, string>();

/** What a node asks, as a text: the same for the same question, in whichever graph. */
export function describe(node: Node): string {
  let text = described.get(node);
  if (text === undefined) {
    text = createHash("sha256").update(spell(node)).digest("base64");
    described.set(node, text);
  }
  return text;
}

function spell(node: Node): string {
  if (node.op === "const") return String(node.value);
  if (node.op === "leaf") return node.leaf.key;
  return node.op === "not" ? `!${describe(node.kid)}` : `${node.op}(${node.kids.map(describe).join()})`;
}
