// SPDX-License-Identifier: Apache-2.0
// Turns a check (field, operator, values) into nodes: the questions that can be asked of the field's source,
// put as cheaply as they can be. What Falco says about missing values comes out by itself: every question is
// false when there is no value, and `!=` is "there is one, and it is not that".
import type { BoundValue, ValueType } from "../bind.js";
import type { Operator } from "../condition.js";
import type { NetValue } from "../values.js";
import { compareText } from "./compare-text.js";
import { type FuncContext, get, set } from "./func-context.js";
import { comparison } from "./in-place.js";
import { namesQuestion } from "./names-leaf.js";
import type { Node } from "./node.js";
import { INT_OPS, NumberLeaves } from "./number-leaf.js";
import type { IpSource, Scope, Source, TextSource } from "./source.js";
import { L, P } from "./text-source.js";
import type { Tree } from "./wasm.js";

// A parameter that is a number of one event and a text of another is compared where it has the type that the
// name stands for.
function hasType({ kind }: Source, type: ValueType): boolean {
  if (kind === "int") return type === "int" || type === "port";
  if (kind === "bool") return type === "bool";
  if (kind === "ip") return type === "ip" || type === "net";
  return type === "text" || type === "bytes" || kind === "none";
}

/** Makes a node of any check. */
export class LeafMaker extends NumberLeaves {
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
    if (!hasType(source, type)) return this.graph.no;
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
        return this.nets(source, values as NetValue[]);
    }
  }

  /** Two fields. Falco compares such values only where both are there. */
  compare(left: Source, op: Operator, right: Source): Node {
    if (left.kind === "each") return this.each(left, (inner) => this.compare(inner, op, right));
    if (left.kind === "either") return this.graph.or(left.ends.map((end) => this.compare(end, op, right)));
    if (right.kind === "each" || right.kind === "either") return this.graph.no;
    const both = [this.exists(left), this.exists(right)];
    if (op === "!=") return this.graph.and([...both, this.graph.not(this.compare(left, "=", right))]);
    if (left.kind === "int" && right.kind === "int") {
      const question = this.#pair(left, right, op, (f) => [INT_OPS[op]!, left.value(f), right.value(f)]);
      return this.graph.and([...both, question]);
    }
    if (left.kind === "bool" && right.kind === "bool") {
      return this.graph.and([...both, this.#pair(left, right, op, (f) => ["i32.eq", left.value(f), right.value(f)])]);
    }
    const [a, b] = [this.#asText(left), this.#asText(right)];
    if (!a || !b) return this.graph.no;
    const question = this.#pair(a, b, op, (f) => {
      const [p, l] = [f.local("$P2"), f.local("$L2")];
      return [
        "block",
        f.label(),
        "i32",
        ...b.make(f),
        set(p, get(P)),
        set(l, get(L)),
        ...a.make(f),
        comparison(op, get(p), get(l)),
      ];
    });
    return this.graph.and([...both, question]);
  }

  #asText(source: Source): TextSource | IpSource | null {
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
        f.local(P);
        f.local(L);
        return [set(P, program.data.text(value)), set(L, value.length)];
      },
    };
  }

  #pair(
    a: { key: string; scope: Scope },
    b: { key: string; scope: Scope },
    op: string,
    emit: (f: FuncContext) => Tree,
  ): Node {
    const scope = a.scope === "process" && b.scope === "process" ? "process" : "event";
    return this.leaf({ key: `${a.key} ${op} ${b.key}`, scope }, "", 30, 0.2, emit);
  }
}
