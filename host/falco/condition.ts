// SPDX-License-Identifier: Apache-2.0
// A condition as a tree, and what its operators and transformers are.
//
// Text in a condition is bytes: Falco compares bytes, and a quoted value may hold any (`"\xff"`). A *byte
// string* is a string whose every character is one byte (0 to 255); all values and names in the tree are byte
// strings.

/** A parsed condition. Its texts are byte strings. */
export type Expr = AndExpr | OrExpr | NotExpr | MacroExpr | ExistsExpr | CheckExpr;

/** A place in the condition's text. Line and column count from 1. */
export interface Place {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** All children hold. */
export interface AndExpr {
  readonly kind: "and";
  readonly children: Expr[];
  readonly at: Place;
}
/** Any child holds. */
export interface OrExpr {
  readonly kind: "or";
  readonly children: Expr[];
  readonly at: Place;
}
/** The child does not hold. A check without a value is false, so its opposite is true. */
export interface NotExpr {
  readonly kind: "not";
  readonly child: Expr;
  readonly at: Place;
}
/** A macro's name, before macros.ts puts its tree there. */
export interface MacroExpr {
  readonly kind: "macro";
  readonly name: string;
  readonly at: Place;
}
/** The field has a value. */
export interface ExistsExpr {
  readonly kind: "exists";
  readonly left: Operand;
  readonly at: Place;
}
/** A comparison. `modifier` is for lists: oneof, anyof, allof. */
export interface CheckExpr {
  readonly kind: "check";
  readonly left: Operand;
  readonly op: Operator;
  readonly modifier: Modifier | null;
  readonly right: Value | Operand;
  readonly at: Place;
}

/** What stands left of an operator, or right of it as `val(...)`. */
export type Operand = FieldOperand | TransformOperand;
/** A field as it was written: `proc.aname[2]` has `arg` "2". */
export interface FieldOperand {
  readonly kind: "field";
  readonly name: string;
  readonly arg: string | null;
  readonly at: Place;
}
/** A transformer around operands, or `val(FIELD)`. */
export interface TransformOperand {
  readonly kind: "transform";
  readonly name: Transformer | "val";
  readonly args: (Operand | TextValue)[];
  readonly arg: string | null; // getopt(...)[c]
  readonly at: Place;
}

/** The right side of a check. */
export type Value = TextValue | ListValue;
/** One text, without its quotes. */
export interface TextValue {
  readonly kind: "text";
  readonly value: string;
  readonly at: Place;
}
/** Texts in parentheses. */
export interface ListValue {
  readonly kind: "list";
  readonly values: string[];
  readonly at: Place;
}

/**
 * In the order in which the lexer tries them: the first that is a prefix of the text wins, so `<=` stands
 * before `<`.
 */
export const NUMBER_OPERATORS = ["<=", "<", ">=", ">"] as const;
/** Operators whose right side is one text. */
export const TEXT_OPERATORS = [
  "==",
  "=",
  "!=",
  "glob",
  "iglob",
  "contains",
  "icontains",
  "bcontains",
  "startswith",
  "bstartswith",
  "endswith",
  "regex",
] as const;
/** Operators whose right side is a list. */
export const LIST_OPERATORS = ["intersects", "in", "pmatch"] as const;
/** What may stand between a text operator and a list. */
export const MODIFIERS = ["oneof", "anyof", "allof"] as const;
/** Falco's transformers of fields. */
export const TRANSFORMERS = ["tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"] as const;

/** Any operator with a right side. */
export type Operator =
  | (typeof NUMBER_OPERATORS)[number]
  | (typeof TEXT_OPERATORS)[number]
  | (typeof LIST_OPERATORS)[number];
/** One of MODIFIERS. */
export type Modifier = (typeof MODIFIERS)[number];
/** One of TRANSFORMERS. */
export type Transformer = (typeof TRANSFORMERS)[number];

/** All operators, `exists` too. */
export const OPERATORS: readonly string[] = ["exists", ...NUMBER_OPERATORS, ...TEXT_OPERATORS, ...LIST_OPERATORS];

/** Whether its right side is a list: `in`, or a text operator with a modifier. */
export function isListOperator(op: string): boolean {
  if ((LIST_OPERATORS as readonly string[]).includes(op)) return true;
  const [base, modifier, ...rest] = op.trim().split(/\s+/);
  return rest.length === 0 && isTextOperator(base ?? "") && (MODIFIERS as readonly string[]).includes(modifier ?? "");
}

/** Whether Falco has this operator, also with a modifier. */
export function isKnownOperator(op: string): boolean {
  return OPERATORS.includes(op) || isListOperator(op);
}

function isTextOperator(op: string): boolean {
  return (TEXT_OPERATORS as readonly string[]).includes(op);
}

/** UTF-8 text as a byte string. */
export function toBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** A byte string as text. Bytes that are no UTF-8 become U+FFFD. */
export function fromBytes(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** The field as the text of a rule writes it: `proc.aname[2]`. */
export function fieldText(field: FieldOperand): string {
  return field.arg === null ? field.name : `${field.name}[${field.arg}]`;
}
