// SPDX-License-Identifier: Apache-2.0
// Macros are trees: a name in a condition is replaced by the tree of the macro. A macro that is used twice is
// shared, so the result is a graph without cycles, which the compiler turns into one evaluation. A tree
// without macros stays the same object, so what is found out about a macro need not be found out for each
// rule.
import type { Expr, Place } from "./condition.js";

/** A macro's tree. `isUsed` is set when a condition or another macro names it. */
export interface Macro {
  readonly name: string;
  expr: Expr;
  isUsed: boolean;
}

/** A macro that is not defined, in Falco's words. */
export class MacroError extends Error {
  constructor(
    message: string,
    readonly at: Place,
  ) {
    super(message);
  }
}

/**
 * `visible` gives the macros that may be used here, already resolved or about to be. The first error counts.
 */
export function resolveMacros(expr: Expr, visible: (name: string) => Macro | undefined): Expr {
  return new Resolver(visible).resolve(expr);
}

class Resolver {
  readonly #path: string[] = [];
  readonly #done = new Map<string, Expr>();
  readonly #visible: (name: string) => Macro | undefined;

  constructor(visible: (name: string) => Macro | undefined) {
    this.#visible = visible;
  }

  resolve(expr: Expr): Expr {
    if (RESOLVED.has(expr)) return expr;
    switch (expr.kind) {
      case "and":
      case "or": {
        const children = expr.children.map((child) => this.resolve(child));
        return children.every((child, i) => child === expr.children[i]) ? expr : { ...expr, children };
      }
      case "not": {
        const child = this.resolve(expr.child);
        return child === expr.child ? expr : { ...expr, child };
      }
      case "macro":
        return this.#macro(expr.name, expr.at);
      default:
        return expr;
    }
  }

  #macro(name: string, at: Place): Expr {
    const known = this.#done.get(name);
    if (known) return known;
    const macro = this.#visible(name);
    if (!macro) throw new MacroError(`Undefined macro '${name}' used in filter.`, at);
    if (this.#path.includes(name)) throw new MacroError(`reference loop in macro '${name}'`, at);
    macro.isUsed = true;
    this.#path.push(name);
    const expr = this.resolve(macro.expr);
    this.#path.pop();
    this.#done.set(name, expr);
    RESOLVED.add(expr);
    return expr;
  }
}

// Trees without names of macros: a macro that names another twice, and that one a third, has as many leaves
// as a power of two, though each tree is there once.
const RESOLVED = new WeakSet<Expr>();
