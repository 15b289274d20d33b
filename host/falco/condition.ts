// SPDX-License-Identifier: Apache-2.0
// A condition as a tree, and what its operators and transformers are.
//
// Text in a condition is bytes: Falco compares bytes, and a quoted value may hold any (`"\xff"`). A *byte string* is a string
// whose every character is one byte (0 to 255); all values and names in the tree are byte strings.

export type Expr = AndExpr | OrExpr | NotExpr | MacroExpr | ExistsExpr | CheckExpr;

export interface Place {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

export interface AndExpr {
  readonly kind: "and";
  readonly children: Expr[];
  readonly at: Place;
}
export interface OrExpr {
  readonly kind: "or";
  readonly children: Expr[];
  readonly at: Place;
}
export interface NotExpr {
  readonly kind: "not";
  readonly child: Expr;
  readonly at: Place;
}
export interface MacroExpr {
  readonly kind: "macro";
  readonly name: string;
  readonly at: Place;
}
export interface ExistsExpr {
  readonly kind: "exists";
  readonly left: Operand;
  readonly at: Place;
}
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
export interface FieldOperand {
  readonly kind: "field";
  readonly name: string;
  readonly arg: string | null;
  readonly at: Place;
}
export interface TransformOperand {
  readonly kind: "transform";
  readonly name: Transformer | "val";
  readonly args: (Operand | TextValue)[];
  readonly arg: string | null; // getopt(...)[c]
  readonly at: Place;
}

export type Value = TextValue | ListValue;
export interface TextValue {
  readonly kind: "text";
  readonly value: string;
  readonly at: Place;
}
export interface ListValue {
  readonly kind: "list";
  readonly values: string[];
  readonly at: Place;
}

/** In the order in which the lexer tries them: the first that is a prefix of the text wins, so `<=` stands before `<`. */
export const NUMBER_OPERATORS = ["<=", "<", ">=", ">"] as const;
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
export const LIST_OPERATORS = ["intersects", "in", "pmatch"] as const;
export const MODIFIERS = ["oneof", "anyof", "allof"] as const;
export const TRANSFORMERS = ["tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"] as const;

export type Operator =
  | (typeof NUMBER_OPERATORS)[number]
  | (typeof TEXT_OPERATORS)[number]
  | (typeof LIST_OPERATORS)[number];
export type Modifier = (typeof MODIFIERS)[number];
export type Transformer = (typeof TRANSFORMERS)[number];

export const OPERATORS: readonly string[] = ["exists", ...NUMBER_OPERATORS, ...TEXT_OPERATORS, ...LIST_OPERATORS];

export function isListOperator(op: string): boolean {
  if ((LIST_OPERATORS as readonly string[]).includes(op)) return true;
  const [base, modifier, ...rest] = op.trim().split(/\s+/);
  return rest.length === 0 && isTextOperator(base ?? "") && (MODIFIERS as readonly string[]).includes(modifier ?? "");
}

export function isKnownOperator(op: string): boolean {
  return OPERATORS.includes(op) || isListOperator(op);
}

function isTextOperator(op: string): boolean {
  return (TEXT_OPERATORS as readonly string[]).includes(op);
}

export function toBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function fromBytes(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** The field as the text of a rule writes it: `proc.aname[2]`. */
export function fieldText(field: FieldOperand): string {
  return field.arg === null ? field.name : `${field.name}[${field.arg}]`;
}
