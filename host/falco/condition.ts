// SPDX-License-Identifier: Apache-2.0
// A condition as a tree, and what its operators and transformers are.
//
// Text in a condition is bytes: Falco compares bytes, and a quoted value may hold any (`"\xff"`). A *byte string* is a string
// whose every character is one byte (0 to 255); all values and names in the tree are byte strings.

export type Expr = AndExpr | OrExpr | NotExpr | MacroExpr | ExistsExpr | CheckExpr;

export interface Place {
  offset: number;
  line: number;
  column: number;
}

export interface AndExpr {
  kind: "and";
  children: Expr[];
  at: Place;
}
export interface OrExpr {
  kind: "or";
  children: Expr[];
  at: Place;
}
export interface NotExpr {
  kind: "not";
  child: Expr;
  at: Place;
}
export interface MacroExpr {
  kind: "macro";
  name: string;
  at: Place;
}
export interface ExistsExpr {
  kind: "exists";
  left: Operand;
  at: Place;
}
export interface CheckExpr {
  kind: "check";
  left: Operand;
  op: Operator;
  modifier: Modifier | null;
  right: Value | Operand;
  at: Place;
}

// What stands left of an operator, or right of it as `val(...)`.
export type Operand = FieldOperand | TransformOperand;
export interface FieldOperand {
  kind: "field";
  name: string;
  arg: string | null;
  at: Place;
}
export interface TransformOperand {
  kind: "transform";
  name: Transformer | "val";
  args: (Operand | TextValue)[];
  arg: string | null; // getopt(...)[c]
  at: Place;
}

export type Value = TextValue | ListValue;
export interface TextValue {
  kind: "text";
  value: string;
  at: Place;
}
export interface ListValue {
  kind: "list";
  values: string[];
  at: Place;
}

// In the order in which the lexer tries them: the first that is a prefix of the text wins, so `<=` stands before `<`.
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

// The field as the text of a rule writes it: `proc.aname[2]`.
export function fieldText(field: FieldOperand): string {
  return field.arg === null ? field.name : `${field.name}[${field.arg}]`;
}
