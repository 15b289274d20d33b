// SPDX-License-Identifier: Apache-2.0
// Rules that no event here can match, and why: they ask for a type of event that is never recorded, or for a
// field that no event has. Falco would load them, so they load here too, and Vedette warns about them.
import { EVENTS } from "../../build/generated/events.js";
import { EVENTS_BY_NAME } from "../wire/known-names.js";
import { type CheckExpr, type Expr, fieldText, fromBytes, type Operand } from "./condition.js";
import { capturedTypes, isType } from "./event-types.js";
import { FIELDS } from "./fields.js";
import type { LoadedRule } from "./load.js";

/** A rule that never fires here, and why. */
export interface DeadRule {
  readonly rule: string;
  readonly reason: string;
}

/** The reason in words. Call it for a rule that the compiler left out. */
export function deadRule({ name, expr, events }: LoadedRule): DeadRule {
  const types = capturedTypes(expr).map((type) => type.name);
  const isLeftOut = events.length === 0 && types.length > 0;
  if (isLeftOut) return { rule: name, reason: `base_syscalls.custom_set leaves ${types.join(", ")} out` };
  return { rule: name, reason: events.length === 0 ? typeReason(expr) : fieldReason(expr, events) };
}

/** `the rule "X" can never fire here: no event has fd.sip.name` */
export function deadRuleText({ rule, reason }: DeadRule): string {
  return `the rule "${rule}" can never fire here: ${reason}`;
}

function typeReason(expr: Expr): string {
  const named = new Set<string>();
  for (const { left, right } of checksOf(expr)) {
    if (!isType(left) || (right.kind !== "text" && right.kind !== "list")) continue;
    for (const value of right.kind === "text" ? [right.value] : right.values) named.add(fromBytes(value));
  }
  const missing = [...named].filter((type) => !EVENTS_BY_NAME.has(type));
  if (missing.length === 0) return "its condition leaves no type of event";
  return `no event of the type ${missing.join(" or ")} is recorded`;
}

function fieldReason(expr: Expr, events: readonly string[]): string {
  const params = new Set(
    EVENTS.filter((event) => events.includes(event.name)).flatMap((event) => event.params.map((param) => param.name)),
  );
  const isMissing = (field: Extract<Operand, { kind: "field" }>): boolean => {
    const param = /^evt\.(?:raw)?arg\.(.+)$/.exec(field.name)?.[1];
    if (param !== undefined) return !params.has(param);
    return FIELDS.get(field.name)?.isAnswered === false;
  };
  const missing = new Set(fieldsOf(expr).filter(isMissing).map(fieldText));
  if (missing.size === 0) return "its condition is false for every event";
  return `no event has ${[...missing].join(" or ")}`;
}

/** Every field that a condition asks for, macros resolved; one may come twice. */
export function fieldsOf(expr: Expr): Extract<Operand, { kind: "field" }>[] {
  const of = (operand: Operand | { kind: "text" | "list" }): Extract<Operand, { kind: "field" }>[] => {
    if (operand.kind === "field") return [operand];
    return operand.kind === "transform" ? operand.args.flatMap(of) : [];
  };
  return leavesOf(expr).flatMap((leaf) => [...of(leaf.left), ...(leaf.kind === "check" ? of(leaf.right) : [])]);
}

function checksOf(expr: Expr): CheckExpr[] {
  return leavesOf(expr).filter((leaf) => leaf.kind === "check");
}

// Each once, although macros are shared.
function leavesOf(expr: Expr): (CheckExpr | Extract<Expr, { kind: "exists" }>)[] {
  const seen = new Set<Expr>();
  const visit = (e: Expr): (CheckExpr | Extract<Expr, { kind: "exists" }>)[] => {
    if (seen.has(e)) return [];
    seen.add(e);
    if (e.kind === "and" || e.kind === "or") return e.children.flatMap(visit);
    if (e.kind === "not") return visit(e.child);
    return e.kind === "macro" ? [] : [e];
  };
  return visit(expr);
}
