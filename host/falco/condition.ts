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
export const kNumberOperators = ["<=", "<", ">=", ">"] as const;
export const kTextOperators = [
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
export const kListOperators = ["intersects", "in", "pmatch"] as const;
export const kModifiers = ["oneof", "anyof", "allof"] as const;
export const kTransformers = ["tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"] as const;

export type Operator =
  | (typeof kNumberOperators)[number]
  | (typeof kTextOperators)[number]
  | (typeof kListOperators)[number];
export type Modifier = (typeof kModifiers)[number];
export type Transformer = (typeof kTransformers)[number];

export const kOperators: readonly string[] = ["exists", ...kNumberOperators, ...kTextOperators, ...kListOperators];

export function isListOperator(op: string): boolean {
  if ((kListOperators as readonly string[]).includes(op)) return true;
  const [base, modifier, ...rest] = op.trim().split(/\s+/);
  return rest.length === 0 && isTextOperator(base ?? "") && (kModifiers as readonly string[]).includes(modifier ?? "");
}

export function isKnownOperator(op: string): boolean {
  return kOperators.includes(op) || isListOperator(op);
}

function isTextOperator(op: string): boolean {
  return (kTextOperators as readonly string[]).includes(op);
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
