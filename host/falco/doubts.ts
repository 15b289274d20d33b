// SPDX-License-Identifier: Apache-2.0
// Warnings, in Falco's words, about checks that probably mean something else than they say. The check still
// does what it says.
import { type CheckExpr, fromBytes, TRANSFORMERS, type Value } from "./condition.js";
import { isField } from "./fields.js";

/** Falco calls this one a deprecated item. */
export const DIRECTION =
  "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = >' always evaluates to false. " +
  "The rule expression can be simplified by removing the condition on 'evt.dir'";

/** Warnings about one check; mostly none. */
export function doubtsOf(e: CheckExpr): string[] {
  if (e.right.kind !== "text" && e.right.kind !== "list") return [];
  const isOfDirection = e.right.kind === "text" && e.left.kind === "field" && e.left.name === "evt.dir";
  return [...(isOfDirection ? [DIRECTION] : []), ...valuesOf(e.right).flatMap((value) => doubtsOfValue(e.op, value))];
}

function valuesOf(right: Value): readonly string[] {
  return right.kind === "text" ? [right.value] : right.values;
}

function doubtsOfValue(op: string, value: string): string[] {
  const text = fromBytes(value);
  const bare = text.replace(/\s/g, "");
  const transformer = ["val", ...TRANSFORMERS].some((name) => bare.startsWith(`${name}(`) && bare.endsWith(")"));
  return [
    op === "regex" && isPlain(value)
      ? `regex check with '${text}' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'`
      : "",
    isField(bare) ? `'${text}' may be a valid field misused as a const string value` : "",
    transformer ? `'${text}' may be a valid field transformer misused as a const string value` : "",
  ].filter(Boolean);
}

// A regex that is a text, but for anchors and "anything" at its ends.
function isPlain(regex: string): boolean {
  return !/[.+*?^$()[\]{}|\\]/.test(regex.replace(/^(?:\^|\.[+*?](?=.|$))/, "").replace(/(?:\.[+*?]|\$)$/, ""));
}
