// SPDX-License-Identifier: Apache-2.0
// Finds what AssemblyScript gets wrong without a word, in the author's files only. It listens to the compiler
// while that compiles expressions, because only there types are known:
//   1 + 1 == n          arithmetic of literals alone, asked for a truth value, is computed in one bit: false for n = 2
//   (1 << n) & mask64   the shift is done in 32 bits: 0 for n >= 32
//   small + 100         arithmetic of u8, i8, u16, i16 wraps at their width
//   READS.label(e.proc.pid)  a label with ever new values: only told, as a warning
//   LAST = e.proc...    what a rule makes is gone after the batch: a global must not keep it (runtime/stub.ts),
//   SEEN.push(e.res)    nor grow by it
// The compiler is one exact version (package.json), and a test compiles one example of each.
import { Compiler, DiagnosticCode, ElementKind, NodeKind, ReportMode, Token, Type } from "assemblyscript";
import { asEquals } from "./equals.js";
import { callsOfRules, walk } from "./reached.js";
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
/** What makes an object of the standard library take memory that goes with the batch. */
const GROWING = new Map([
  ["~lib/array/Array", new Set(["push", "unshift"])],
  ["~lib/map/Map", new Set(["set"])],
  ["~lib/set/Set", new Set(["add"])],
]);
const MASKING = new Set([Token.Ampersand, Token.Bar, Token.Caret, Token.Plus, Token.Minus, ...COMPARISONS]);

let isListening = false;
/** Types of the binary expressions compiled so far. */
let types = new WeakMap();
/** What was said already: an inlined function is compiled several times. */
let said = new Set();
/** Names of functions that a rule may come to. */
let judging = new Set();

/** Begins a new compilation; the first time it also begins to listen. */
export function startLint(parser) {
  types = new WeakMap();
  said = new Set();
  judging = callsOfRules(userSources(parser));
  if (isListening) return;
  isListening = true;
  const { compileBinaryExpression, compileAssignment, compileCallExpression } = Compiler.prototype;
  Compiler.prototype.compileBinaryExpression = function (expression, contextualType, constraints) {
    const equals = asEquals(this, expression);
    if (equals !== null) return this.compileExpression(equals, contextualType, constraints);
    const result = compileBinaryExpression.call(this, expression, contextualType, constraints);
    types.set(expression, this.currentType);
    if (isAuthors(expression.range.source)) checkBinary(this, expression, this.currentType);
    return result;
  };
  Compiler.prototype.compileAssignment = function (target, value, contextualType) {
    if (isAuthors(target.range.source)) checkAssignment(this, target, value);
    return compileAssignment.call(this, target, value, contextualType);
  };
  Compiler.prototype.compileCallExpression = function (expression, contextualType, constraints) {
    if (isAuthors(expression.range.source)) checkGrowth(this, expression);
    return compileCallExpression.call(this, expression, contextualType, constraints);
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

/** `LAST = ...`, and what is in a global: `LIST[0] = ...`, `BOX.name = ...`, `LIST.length = ...`. */
function checkAssignment(compiler, target, value) {
  if (!isJudging(compiler)) return;
  const global = globalOf(compiler, target);
  if (global === null) return;
  const isWhole = target.kind !== NodeKind.ElementAccess && lookUp(compiler, target) === global;
  if (isWhole || isLength(target)) return say(compiler, target, outlives(global));
  const type = compiler.resolver.resolveExpression(value, compiler.currentFlow, Type.auto, ReportMode.Swallow);
  const isNull = value.kind === NodeKind.Null;
  if (type?.isManaged === true && !isNull) say(compiler, target, outlives(global));
}

function checkGrowth(compiler, { expression }) {
  if (expression.kind !== NodeKind.PropertyAccess || !isJudging(compiler)) return;
  const type = compiler.resolver.resolveExpression(expression.expression, compiler.currentFlow, Type.auto, ReportMode.Swallow);
  const methods = GROWING.get(type?.getClass()?.prototype.internalName);
  if (methods?.has(expression.property.text) !== true) return;
  const global = globalOf(compiler, expression.expression);
  if (global !== null) say(compiler, expression, outlives(global));
}

const outlives = ({ name }) =>
  `"${name}" would outlive the batch, but what it is given does not: use the SDK's state, or a number.`;

/** Code of the top level, and what only that calls, makes what is kept. */
function isJudging({ currentFlow }) {
  const { internalName, declaration } = currentFlow.targetFunction;
  const name = declaration.name.text;
  return !/^start([:~]|$)/.test(internalName) && (name === "" || judging.has(name));
}

/** The global whose object this is, or is a part of. */
function globalOf(compiler, node) {
  const expression = bare(node);
  const element = lookUp(compiler, expression);
  if (element?.kind === ElementKind.Global) return element.type.isManaged ? element : null;
  const isPart = expression.kind === NodeKind.PropertyAccess || expression.kind === NodeKind.ElementAccess;
  return isPart ? globalOf(compiler, expression.expression) : null;
}

function lookUp(compiler, expression) {
  return compiler.resolver.lookupExpression(expression, compiler.currentFlow, Type.auto, ReportMode.Swallow);
}

function isLength(target) {
  return target.kind === NodeKind.PropertyAccess && target.property.text === "length";
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
