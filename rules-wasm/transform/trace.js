// SPDX-License-Identifier: Apache-2.0
// Makes the author's code say its way to an answer, for `vedette policy explain` alone: no module that
// judges has any of it. A term is what is asked for a truth value and has no `&&`, `||` or `!` of such in
// it: in conditions of `if` and `?:`, in answers of functions that give bool (`return false` too), and
// every comparison. Conditions of loops are left as they are, since one that is answered otherwise might
// not end.
//
//   return !e.failed && TOOLS.has(e.proc.name);
//   return term(0, !e.failed) && term(1, TOOLS.has(see(2, e.proc.name)));
import { CommonFlags, LiteralKind, Node, NodeKind, Token } from "assemblyscript";
import { userSources } from "./rules.js";
import { walk } from "./reached.js";

/** As rules-wasm/wire/trace.ts has it. */
const TERMS_MAX = 4096;
/** Characters that are told of a term. */
const TEXT_MAX = 1000;
const TERM = "__vedette_term";
const SEE = "__vedette_see";
const COMPARISONS = new Set([
  Token.Equals_Equals, Token.Exclamation_Equals, Token.Equals_Equals_Equals, Token.Exclamation_Equals_Equals,
  Token.LessThan, Token.GreaterThan, Token.LessThan_Equals, Token.GreaterThan_Equals,
]);
const JOINING = new Set([Token.Ampersand_Ampersand, Token.Bar_Bar]);
const ASSIGNING = new Set([
  Token.Equals, Token.Plus_Equals, Token.Minus_Equals, Token.Asterisk_Equals, Token.Asterisk_Asterisk_Equals, Token.Slash_Equals,
  Token.Percent_Equals, Token.LessThan_LessThan_Equals, Token.GreaterThan_GreaterThan_Equals,
  Token.GreaterThan_GreaterThan_GreaterThan_Equals, Token.Ampersand_Equals, Token.Bar_Equals, Token.Caret_Equals,
]);
const BOOL = new Set(["bool", "boolean"]);
/** What stands for itself. */
const CONSTANT = new Set([NodeKind.Literal, NodeKind.True, NodeKind.False, NodeKind.Null]);
const LOOPS = new Set([NodeKind.For, NodeKind.While, NodeKind.Do]);

/**
 * Changes the sources. `isCareful`: the compiler may go by a name's being tested, so a name is left as it is.
 *
 * @returns {import("./types.js").TracedTerm[]}
 */
export function traceTerms(parser, isCareful) {
  const ids = { next: 0 }; // terms and what they see count together, over all sources
  return userSources(parser).flatMap((source) => new Tracer(source, isCareful, ids).all());
}

class Tracer {
  #terms = [];
  #names = new Set();
  #own = new Set();
  /** Whose values are looked at. */
  #term = null;
  #isBool = false;

  constructor(source, isCareful, ids) {
    this.source = source;
    this.isCareful = isCareful;
    this.ids = ids;
    walk(source.statements, (node) => {
      if (node.kind === NodeKind.VariableDeclaration || node.kind === NodeKind.Parameter) this.#names.add(node.name.text);
      if (node.kind === NodeKind.FunctionDeclaration || node.kind === NodeKind.MethodDeclaration) this.#own.add(node.name.text);
    });
    for (const { kind, path, declarations } of source.statements)
      if (kind === NodeKind.Import && path.value.startsWith(".")) for (const { name } of declarations ?? []) this.#own.add(name.text);
  }

  /** Functions and methods; what the top does is no rule's. */
  all() {
    const bodies = [];
    walk(this.source.statements, (node) => {
      const isFunction = node.kind === NodeKind.FunctionDeclaration || node.kind === NodeKind.MethodDeclaration;
      if (isFunction && node.body !== null && !node.is(CommonFlags.Ambient)) bodies.push(node);
    });
    for (const { body, signature } of bodies) {
      this.#isBool = BOOL.has(signature.returnType.name?.identifier.text);
      this.#statement(body);
    }
    return this.#terms;
  }

  #statement(node) {
    if (node === null || node === undefined) return;
    switch (node.kind) {
      case NodeKind.Block:
        for (const one of node.statements) this.#statement(one);
        return;
      case NodeKind.If:
        node.condition = this.#truth(node.condition);
        this.#statement(node.ifTrue);
        this.#statement(node.ifFalse);
        return;
      case NodeKind.Return:
        if (node.value === null) return;
        node.value = this.#isBool ? this.#answer(node) : this.#value(node.value);
        return;
      case NodeKind.Expression:
        node.expression = this.#inside(node.expression);
        return;
      case NodeKind.Variable:
        for (const one of node.declarations) if (one.initializer !== null) one.initializer = this.#value(one.initializer);
        return;
      case NodeKind.Switch:
        for (const { statements } of node.cases) for (const one of statements) this.#statement(one);
        return;
      default:
        if (LOOPS.has(node.kind)) this.#statement(node.body);
    }
  }

  /** A constant is a term, too: it says where the function ended. */
  #answer(node) {
    const { value } = node;
    if (value.kind !== NodeKind.True && value.kind !== NodeKind.False) return this.#truth(value);
    return this.#asTerm(value, { ...this.#place(node), isEnd: true });
  }

  /** What is asked for a truth value. */
  #truth(node) {
    switch (node.kind) {
      case NodeKind.Parenthesized:
        node.expression = this.#truth(node.expression);
        return node;
      case NodeKind.Binary:
        if (!JOINING.has(node.operator)) break;
        node.left = this.#truth(node.left);
        node.right = this.#truth(node.right);
        return node;
      case NodeKind.UnaryPrefix:
        if (node.operator !== Token.Exclamation || !isJoined(node.operand)) break;
        node.operand = this.#truth(node.operand);
        return node;
      case NodeKind.Ternary:
        node.condition = this.#truth(node.condition);
        node.ifThen = this.#truth(node.ifThen);
        node.ifElse = this.#truth(node.ifElse);
        return node;
    }
    return this.#asTerm(node);
  }

  #asTerm(node, end = null) {
    const isPlain = CONSTANT.has(node.kind) || asksForNull(node) || (this.isCareful && node.kind === NodeKind.Identifier);
    if ((isPlain && end === null) || this.ids.next >= TERMS_MAX) return this.#inside(node);
    const { range } = node;
    const what = end ?? { ...this.#place(node), isEnd: false };
    const term = { id: this.ids.next++, ...what, isOwn: this.#callsOwn(node), sees: [] };
    this.#terms.push(term);
    const outer = this.#term;
    this.#term = term;
    const inner = this.#inside(node);
    this.#term = outer;
    return call(TERM, [number(term.id, range), inner], range);
  }

  #callsOwn(node) {
    let isOwn = false;
    walk(node, ({ kind, expression }) => {
      if (kind !== NodeKind.Call) return;
      const name = expression.kind === NodeKind.PropertyAccess ? expression.property.text : expression.text;
      if (this.#own.has(name)) isOwn = true;
    });
    return isOwn;
  }

  // A term in a term has its text, too: whole, terms in thousands would be a thousand times the source.
  #place({ range }) {
    const { source, start, end } = range;
    const text = source.text.substring(start, Math.min(end, start + TEXT_MAX)).replace(/\s+/g, " ");
    return { file: source.normalizedPath, start, text };
  }

  /** What is looked at, or gone on with. */
  #value(node) {
    const isTruth = node.kind === NodeKind.Binary && COMPARISONS.has(node.operator);
    if (isTruth || (node.kind === NodeKind.UnaryPrefix && node.operator === Token.Exclamation)) return this.#truth(node);
    return this.#isSeen(node) ? this.#see(node, true) : this.#inside(node);
  }

  /** Changes what stands in it; gives itself. */
  #inside(node) {
    switch (node.kind) {
      case NodeKind.Binary:
        if (COMPARISONS.has(node.operator)) {
          node.left = this.#compared(node.left);
          node.right = this.#compared(node.right);
        } else {
          if (!ASSIGNING.has(node.operator)) node.left = this.#value(node.left);
          node.right = this.#value(node.right);
        }
        return node;
      case NodeKind.UnaryPrefix:
        if (node.operator === Token.Exclamation) node.operand = this.#inside(node.operand);
        return node;
      case NodeKind.Parenthesized:
        node.expression = this.#value(node.expression);
        return node;
      case NodeKind.Assertion:
        if (node.expression !== null) node.expression = this.#inside(node.expression);
        return node;
      case NodeKind.Ternary:
        node.condition = this.#truth(node.condition);
        node.ifThen = this.#value(node.ifThen);
        node.ifElse = this.#value(node.ifElse);
        return node;
      case NodeKind.Call:
        if (node.expression.kind === NodeKind.PropertyAccess) {
          const { expression } = node.expression;
          node.expression.expression = this.#isSeen(expression) ? this.#see(expression, false) : this.#inside(expression);
        }
        node.args = node.args.map((arg) => this.#value(arg));
        return node;
      case NodeKind.PropertyAccess:
      case NodeKind.ElementAccess:
        node.expression = this.#inside(node.expression);
        return node;
      case NodeKind.Literal:
        if (node.literalKind === LiteralKind.Template) node.expressions = node.expressions.map((one) => this.#value(one));
        return node;
      default:
        return node;
    }
  }

  #compared(node) {
    const isCall = node.kind === NodeKind.Call && this.#term !== null;
    return isCall ? this.#see(node, true) : this.#value(node);
  }

  /** A name of a value, or a part of one: `e.proc.ancestor(2).name`. */
  #isSeen(node) {
    if (this.#term === null) return false;
    if (node.kind === NodeKind.Identifier) return this.#names.has(node.text);
    if (node.kind !== NodeKind.PropertyAccess && node.kind !== NodeKind.ElementAccess) return false;
    const root = rootOf(node);
    return root.kind === NodeKind.This || (root.kind === NodeKind.Identifier && this.#names.has(root.text));
  }

  #see(node, isWhole) {
    const { range } = node;
    const seen = { id: this.ids.next++, text: this.#place(node).text };
    this.#term.sees.push(seen);
    const whole = isWhole ? Node.createTrueExpression(range) : Node.createFalseExpression(range);
    return call(SEE, [number(seen.id, range), this.#inside(node), whole], range);
  }
}

function rootOf(node) {
  if (node.kind === NodeKind.Call && node.expression.kind === NodeKind.PropertyAccess) return rootOf(node.expression);
  const isPart = node.kind === NodeKind.PropertyAccess || node.kind === NodeKind.ElementAccess;
  return isPart ? rootOf(node.expression) : node;
}

function isJoined(node) {
  if (node.kind === NodeKind.Parenthesized) return isJoined(node.expression);
  return node.kind === NodeKind.Binary && JOINING.has(node.operator);
}

/** What follows may go by the answer. */
function asksForNull({ kind, left, right }) {
  return kind === NodeKind.Binary && (left.kind === NodeKind.Null || right.kind === NodeKind.Null);
}

function number(value, range) {
  return Node.createIntegerLiteralExpression(globalThis.i64_new(value, 0), range);
}

function call(name, args, range) {
  return Node.createCallExpression(Node.createIdentifierExpression(name, range), null, args, range);
}
