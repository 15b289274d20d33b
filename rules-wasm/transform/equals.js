// SPDX-License-Identifier: Apache-2.0
// Gives `==` its meaning for text and addresses of an event. They are addresses in memory, so AssemblyScript
// would compare where they stand, without a word; and it has no operator between a class of ours and string.
// Where one side is an SDK view, `a == b` becomes `a.equals(b)` with a string, `a.same(b)` with another view;
// `!=` the opposite.
import { Node, ReportMode, Token, Type } from "assemblyscript";

const EQUAL = new Set([Token.Equals_Equals, Token.Equals_Equals_Equals]);
const OTHER = new Set([Token.Exclamation_Equals, Token.Exclamation_Equals_Equals]);
const VIEWS = new Set(["~lib/vedette/str/Str", "~lib/vedette/addr/Addr"]);
const STRING = "~lib/string/String";

/** The call that the comparison means, or null when it is no comparison of ours. */
export function asEquals(compiler, expression) {
  const { operator, left, right, range } = expression;
  if (!EQUAL.has(operator) && !OTHER.has(operator)) return null;
  const leftClass = classOf(compiler, left);
  const rightClass = classOf(compiler, right);
  const call = callFor(left, leftClass, right, rightClass, range);
  if (call === null) return null;
  return EQUAL.has(operator) ? call : Node.createUnaryPrefixExpression(Token.Exclamation, call, range);
}

function callFor(left, leftClass, right, rightClass, range) {
  if (VIEWS.has(leftClass) && rightClass === STRING) return method(left, "equals", right, range);
  if (VIEWS.has(rightClass) && leftClass === STRING) return method(right, "equals", left, range);
  if (VIEWS.has(leftClass) && leftClass === rightClass) return method(left, "same", right, range);
  return null;
}

function method(object, name, argument, range) {
  const access = Node.createPropertyAccessExpression(object, Node.createIdentifierExpression(name, range), range);
  return Node.createCallExpression(access, null, [argument], range);
}

function classOf(compiler, expression) {
  const type = compiler.resolver.resolveExpression(expression, compiler.currentFlow, Type.auto, ReportMode.Swallow);
  return type?.getClass()?.internalName ?? "";
}
