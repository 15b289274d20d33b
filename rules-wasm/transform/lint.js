// SPDX-License-Identifier: Apache-2.0
// Finds what AssemblyScript gets wrong without a word, in the author's files only. It listens to the compiler
// while that compiles expressions, because only there types are known:
//   1 + 1 == n          arithmetic of literals alone, asked for a truth value, is computed in one bit: false for n = 2
//   (1 << n) & mask64   the shift is done in 32 bits: 0 for n >= 32
//   small + 100         arithmetic of u8, i8, u16, i16 wraps at their width
//   READS.label(e.proc.pid)  a label with ever new values: only told, as a warning
//   LAST = e.proc...    what a rule makes is gone after the batch: a global must not keep it (runtime/stub.ts)
// The compiler is one exact version (package.json), and a test compiles one example of each.
import { Compiler, DiagnosticCode, ElementKind, NodeKind, ReportMode, Token, Type } from "assemblyscript";
import { asEquals } from "./equals.js";
import { fail, isAuthors, userSources } from "./rules.js";

const COMPARISONS = new Set([
  Token.Equals_Equals, Token.Exclamation_Equals, Token.Equals_Equals_Equals, Token.Exclamation_Equals_Equals,
  Token.LessThan, Token.GreaterThan, Token.LessThan_Equals, Token.GreaterThan_Equals,
]);
const ARITHMETIC = new Set([
  Token.Plus, Token.Minus, Token.Asterisk, Token.Slash, Token.Percent, Token.LessThan_LessThan,
  Token.Ampersand, Token.Bar, Token.Caret,
]);
const WIDENING = new Set([Token.Plus, Token.Minus, Token.Asterisk, Token.LessThan_LessThan]);
const MASKING = new Set([Token.Ampersand, Token.Bar, Token.Caret, Token.Plus, Token.Minus, ...COMPARISONS]);

let isListening = false;
/** Types of the binary expressions compiled so far. */
let types = new WeakMap();
/** What was said already: an inlined function is compiled several times. */
let said = new Set();

/** Begins a new compilation; the first time it also begins to listen. */
export function startLint() {
  types = new WeakMap();
  said = new Set();
  if (isListening) return;
  isListening = true;
  const { compileBinaryExpression, compileAssignment } = Compiler.prototype;
  Compiler.prototype.compileBinaryExpression = function (expression, contextualType, constraints) {
    const equals = asEquals(this, expression);
    if (equals !== null) return this.compileExpression(equals, contextualType, constraints);
    const result = compileBinaryExpression.call(this, expression, contextualType, constraints);
    types.set(expression, this.currentType);
    if (isAuthors(expression.range.source)) checkBinary(this, expression, this.currentType);
    return result;
  };
  Compiler.prototype.compileAssignment = function (target, value, contextualType) {
    if (isAuthors(target.range.source)) checkAssignment(this, target, contextualType);
    return compileAssignment.call(this, target, value, contextualType);
  };
}

/** Every `param.KIND("name")` names a parameter that policy.yaml declares, by its kind. */
export function checkParameters(parser, parameters) {
  const kinds = new Map(parameters.map((parameter) => [parameter.name, parameter.kind]));
  for (const source of userSources(parser)) {
    walk(source.statements, (node) => {
      if (node.kind !== NodeKind.Call || node.expression.kind !== NodeKind.PropertyAccess) return;
      const { expression, property } = node.expression;
      const name = node.args[0]?.value;
      if (expression.text !== "param" || typeof name !== "string") return;
      const kind = kinds.get(name);
      if (kind === undefined) fail(parser, node.args[0].range, `policy.yaml declares no parameter "${name}".`);
      else if (kind !== property.text)
        fail(parser, property.range, `policy.yaml says that "${name}" is of type ${kind}: read it with param.${kind}().`);
    });
  }
}

/** What has a value of its own for each process, call, file or peer. Of a descriptor its name, too. */
const ENDLESS = new Set([
  "cmdline", "exeline", "args", "pid", "ppid", "tid", "vpid", "vtid", "key", "evt_num", "time", "latency", "data", "ino",
  "realpath", "nameraw", "cport", "cip", "addr", "tuple",
]);

/** A label without a bound is one that the author may not have thought of: the place is told, and no more. */
export function checkLabels(parser) {
  for (const source of userSources(parser)) {
    walk(source.statements, (node) => {
      if (node.kind !== NodeKind.Call || node.expression.kind !== NodeKind.PropertyAccess) return;
      const [value] = node.args;
      if (node.expression.property.text !== "label" || value?.kind !== NodeKind.PropertyAccess) return;
      const name = value.property.text;
      if (!ENDLESS.has(name) && !(name === "name" && value.expression.property?.text === "fd")) return;
      const text = `"${name}" can have a new value in every event. A label needs few: take one of a list, or a template.`;
      parser.warning(DiagnosticCode.User_defined_0, value.range, text);
    });
  }
}

function checkBinary(compiler, expression, type) {
  const { operator, left, right } = expression;
  if (ARITHMETIC.has(operator) && type === Type.bool && isLiteralOnly(expression))
    say(compiler, expression, "This is computed in one bit, because a truth value is asked for. Give the number a name: `const N: i32 = ...`.");
  if (WIDENING.has(operator) && isNarrow(type) && !isLiteralOnly(expression))
    say(compiler, expression, `This wraps: it is computed in ${type}. Widen an operand first, as in \`<i32>x + 1\`.`);
  if (MASKING.has(operator)) {
    checkShift(compiler, left, right);
    checkShift(compiler, right, left);
  }
}

function checkShift(compiler, operand, other) {
  const shift = bare(operand);
  if (shift.kind !== NodeKind.Binary || shift.operator !== Token.LessThan_LessThan || !isLiteralOnly(shift.left)) return;
  const type = types.get(shift);
  if (type === undefined || type.size === 64) return;
  const otherType = compiler.resolver.resolveExpression(other, compiler.currentFlow, Type.auto, ReportMode.Swallow);
  if (otherType?.size === 64)
    say(compiler, shift, "This shift is done in 32 bits and is 0 from bit 32 on, but the mask beside it has 64: write `bit(n)`, or `<u64>1 << n`.");
}

function checkAssignment(compiler, target, contextualType) {
  if (compiler.currentFlow.targetFunction.internalName === "start") return;
  const element = compiler.resolver.lookupExpression(target, compiler.currentFlow, contextualType, ReportMode.Swallow);
  if (element?.kind === ElementKind.Global && element.type.isManaged)
    say(compiler, target, `"${element.name}" would outlive the batch, but what it is given does not: use the SDK's state, or a number.`);
}

function isNarrow(type) {
  return type === Type.u8 || type === Type.i8 || type === Type.u16 || type === Type.i16;
}

function isLiteralOnly(node) {
  const expression = bare(node);
  if (expression.kind === NodeKind.Literal) return typeof expression.value !== "string";
  if (expression.kind === NodeKind.UnaryPrefix) return isLiteralOnly(expression.operand);
  return expression.kind === NodeKind.Binary && isLiteralOnly(expression.left) && isLiteralOnly(expression.right);
}

function bare(node) {
  return node.kind === NodeKind.Parenthesized ? bare(node.expression) : node;
}

function say(compiler, node, text) {
  const key = `${node.range.source.normalizedPath}:${node.range.start}:${text}`;
  if (said.has(key)) return;
  said.add(key);
  fail(compiler, node.range, text);
}

function walk(node, visit) {
  if (Array.isArray(node)) {
    for (const one of node) walk(one, visit);
    return;
  }
  if (node === null || typeof node !== "object" || node.kind === undefined || node.range === undefined) return;
  visit(node);
  for (const [key, value] of Object.entries(node)) if (key !== "range" && typeof value === "object") walk(value, visit);
}
