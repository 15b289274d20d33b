// SPDX-License-Identifier: Apache-2.0
// The values of evt.type that rules may name: every system call of Linux, as the kernel or Falco spells it,
// and Falco's own events. Those of the capture set come from the event contract; the others are accepted and
// never seen.
//
// Which types a condition can match is found by deciding it with only the type known: what is false then is
// false for every event of that type. That is Falco's rule (`and` intersects, `or` unites, `not` by De
// Morgan, other checks say nothing).
import { EVENTS, type EventType } from "../../build/generated/events.js";
import { EVENT_NAMES, EVENTS_BY_NAME } from "../wire/known-names.js";
import type { Expr, Operand } from "./condition.js";

/** Whether evt.type may name it. It may be an event that is never recorded here. */
export function isEventType(name: string): boolean {
  return EVENT_NAMES.has(name) || EVENTS_BY_NAME.has(name);
}

// Names that the capture set spells otherwise: a rule with the kernel's name of a call means Falco's event.
const SPELLING = new Map<string, string>();
for (const event of EVENTS)
  for (const call of event.calls) if (!EVENTS_BY_NAME.has(call)) SPELLING.set(call, event.name);

/** Events of these calls: named as the call is, or of no other call. */
export function typesOfCalls(calls: readonly string[]): string[] {
  const isOne = (call: string): boolean => calls.includes(call);
  return EVENTS.filter(({ name, calls: of }) => isOne(name) || (of.length > 0 && of.every(isOne))).map(
    ({ name }) => name,
  );
}

/** The types of the capture set that `expr` can match. */
export function capturedTypes(expr: Expr): EventType[] {
  const { canBeTrue } = typesOf(expr);
  return EVENTS.filter((event) => canBeTrue & bitOf(event.name));
}

/**
 * How many of Falco's event codes `expr` can match: an enter and an exit event a name, but one pair for all
 * the calls whose arguments Falco does not decode.
 */
export function countEventCodes(expr: Expr): number {
  const { canBeTrue } = typesOf(expr);
  const ones = (canBeTrue & RECORDED).toString(2).replaceAll("0", "").length;
  return 2 * ones + ((canBeTrue & ~RECORDED) === 0n ? 0 : 2);
}

// The sets of types for which an expression can be true, and can be false; bit i is the type ALL_NAMES[i].
interface Types {
  readonly canBeTrue: bigint;
  readonly canBeFalse: bigint;
}

// Of each expression once: macros are in many rules.
const KNOWN = new WeakMap<Expr, Types>();

function typesOf(expr: Expr): Types {
  let types = KNOWN.get(expr);
  if (types === undefined) {
    types = decide(expr);
    KNOWN.set(expr, types);
  }
  return types;
}

function decide(expr: Expr): Types {
  switch (expr.kind) {
    case "and":
    case "or": {
      const kids = expr.children.map(typesOf);
      const all = (of: (t: Types) => bigint) => kids.reduce((set, kid) => set & of(kid), EVERY);
      const any = (of: (t: Types) => bigint) => kids.reduce((set, kid) => set | of(kid), 0n);
      const [whole, part] = expr.kind === "and" ? [all, any] : [any, all];
      return { canBeTrue: whole((t) => t.canBeTrue), canBeFalse: part((t) => t.canBeFalse) };
    }
    case "not": {
      const { canBeTrue, canBeFalse } = typesOf(expr.child);
      return { canBeTrue: canBeFalse, canBeFalse: canBeTrue };
    }
    case "exists":
      return isType(expr.left) ? { canBeTrue: EVERY, canBeFalse: 0n } : UNDECIDED;
    case "check":
      return checkTypes(expr);
    default:
      return UNDECIDED;
  }
}

function checkTypes({ left, op, modifier, right }: Extract<Expr, { kind: "check" }>): Types {
  if (!isType(left) || modifier || (right.kind !== "text" && right.kind !== "list")) return UNDECIDED;
  const values = right.kind === "text" ? [right.value] : right.values;
  const named = values.reduce((set, value) => set | bitOf(value), 0n);
  if (["=", "==", "in", "intersects"].includes(op)) return { canBeTrue: named, canBeFalse: EVERY & ~named };
  return op === "!=" ? { canBeTrue: EVERY & ~named, canBeFalse: named } : UNDECIDED;
}

/** Whether the operand is evt.type itself. */
export function isType(operand: Operand): boolean {
  return operand.kind === "field" && operand.name === "evt.type" && operand.arg === null;
}

const ALL_NAMES = [...new Set([...EVENT_NAMES, ...EVENTS_BY_NAME.keys()])];
const EVERY = (1n << BigInt(ALL_NAMES.length)) - 1n;
const UNDECIDED: Types = { canBeTrue: EVERY, canBeFalse: EVERY };
const BITS = new Map(ALL_NAMES.map((name, i) => [name, 1n << BigInt(i)]));

const RECORDED = [...EVENTS_BY_NAME.keys()].reduce((set, name) => set | BITS.get(name)!, 0n);

function bitOf(name: string): bigint {
  return (BITS.get(name) ?? 0n) | (BITS.get(SPELLING.get(name) ?? "") ?? 0n);
}
