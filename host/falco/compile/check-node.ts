// SPDX-License-Identifier: Apache-2.0
// A bound condition as a node, for one type of event: checks are asked of the sources that the type has, what
// the type settles becomes a constant.
import type { EventType } from "../../../build/generated/events.js";
import { type Bound, type BoundCheck, type BoundOperand, type BoundValue, LIST_TEXTS } from "../bind.js";
import { type FieldUse, findField } from "../fields.js";
import { fieldSource } from "./event-source.js";
import { LeafMaker } from "./leaf.js";
import type { Graph, Node } from "./node.js";
import { ProcessFields } from "./process-fields.js";
import type { Program } from "./program.js";
import { NONE, type Source, type TextSource } from "./source.js";
import { transformSource } from "./transform-source.js";

/** `isFalcoExact`: do as Falco does, known bugs included (docs/falco.md). */
export interface CheckOptions {
  readonly isFalcoExact: boolean;
}

/** Makes nodes for the events of one type. The same bound condition gives the same node. */
export class ConditionNodes {
  readonly #maker: LeafMaker;
  readonly #known = new Map<Bound, Node>();
  readonly #program: Program;
  readonly #graph: Graph;
  readonly #event: EventType;
  readonly #options: CheckOptions;

  constructor(program: Program, graph: Graph, event: EventType, options: CheckOptions) {
    this.#program = program;
    this.#graph = graph;
    this.#event = event;
    this.#options = options;
    this.#maker = new LeafMaker(program, graph);
  }

  node(bound: Bound): Node {
    const known = this.#known.get(bound);
    if (known) return known;
    const node = this.#make(bound);
    this.#known.set(bound, node);
    return node;
  }

  #make(bound: Bound): Node {
    switch (bound.kind) {
      case "and":
        return this.#graph.and(bound.children.map((child) => this.node(child)));
      case "or":
        return this.#graph.or(bound.children.map((child) => this.node(child)));
      case "not":
        return this.#graph.not(this.node(bound.child));
      case "exists":
        return this.#maker.exists(this.#source(bound.left));
      case "check":
        return this.#check(bound);
    }
  }

  #check(check: BoundCheck): Node {
    const node = this.#asWritten(check);
    return asksForProcessOne(check) && !this.#options.isFalcoExact ? this.#withFirstProcess(check, node) : node;
  }

  // Process 1 of a container is what the container was started for, to those who write `proc.vpid=1`. Where
  // the agent is process 1, the process that it started stands for it.
  #withFirstProcess({ op }: BoundCheck, node: Node): Node {
    const first = this.#graph.and([
      this.#maker.check(new ProcessFields(this.#program).isFirst("self"), "=", [true], "bool"),
      this.#maker.check(this.#field(findField("container.id", null)), "!=", ["host"], "text"),
    ]);
    return op === "!=" ? this.#graph.and([node, this.#graph.not(first)]) : this.#graph.or([node, first]);
  }

  #asWritten(check: BoundCheck): Node {
    const { left, op, type, right, modifier } = check;
    const source = this.#source(left);
    if (right) return this.#maker.compare(source, op, this.#source(right));
    if (left.kind === "transform" && left.isList) {
      const list = this.#list(left);
      return list ? this.#maker.list(list, op, check.values as string[]) : this.#graph.no;
    }
    if (modifier) {
      const each = check.values.map((value) => this.#maker.check(source, op, [value], type));
      if (each.length === 0) return this.#graph.no;
      if (modifier === "allof") return this.#graph.and(each);
      return modifier === "anyof" ? this.#graph.or(each) : this.#graph.one(each);
    }
    return this.#maker.check(source, op, this.#values(check), type);
  }

  // Falco compares fd.net with the first network of a list only.
  #values({ left, op, values }: BoundCheck): readonly BoundValue[] {
    const isFirstOnly =
      this.#options.isFalcoExact && left.kind === "field" && left.use.name === "fd.net" && op === "in";
    return isFirstOnly ? values.slice(0, 1) : values;
  }

  #source(operand: BoundOperand): Source {
    if (operand.kind === "field") return this.#field(operand.use);
    return transformSource(
      this.#program,
      operand,
      (inner) => this.#source(inner),
      (inner) => this.#list(inner),
    );
  }

  #field(use: FieldUse): Source {
    return fieldSource(this.#program, use, this.#event);
  }

  // The strlist behind a list, or behind a text of joined arguments.
  #list(operand: BoundOperand): TextSource | undefined {
    if (operand.kind === "transform") {
      const source = operand.isList ? this.#source(operand) : NONE;
      return source.kind === "text" ? source : undefined;
    }
    const field = LIST_TEXTS.has(operand.use.name) ? operand.use.name.slice(5) : undefined;
    return field
      ? { ...new ProcessFields(this.#program).span(field, "self"), vocabulary: `list ${field}`, cached: null }
      : undefined;
  }
}

function asksForProcessOne({ left, op, modifier, values }: BoundCheck): boolean {
  const isVpid = left.kind === "field" && left.use.name === "proc.vpid" && modifier === null;
  return isVpid && ["=", "==", "!=", "in", "intersects"].includes(op) && values.includes(1n);
}
