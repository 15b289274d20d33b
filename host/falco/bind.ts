// SPDX-License-Identifier: Apache-2.0
// Gives every check of a condition its types: the field it reads, the values it compares with, and the
// complaint when operator, field and value do not fit. What comes out is what the compiler works on; nothing
// in it is text that still needs reading.

import { EVENTS, type Field } from "../../build/generated/events.js";
import {
  type CheckExpr,
  type Expr,
  fieldText,
  fromBytes,
  type Modifier,
  type Operand,
  type Operator,
  type Place,
  type TextValue,
} from "./condition.js";
import { doubtsOf } from "./doubts.js";
import { isEventType } from "./event-types.js";
import { FieldError, type FieldType, type FieldUse, findField, NO_STATICS, type Statics } from "./fields.js";
import { parseCondition } from "./parse.js";
import { parseRegex } from "./regex.js";
import { ConditionError } from "./scan.js";
import {
  type NetValue,
  parseBool,
  parseHexBytes,
  parseInteger,
  parseIp,
  parseNet,
  parsePort,
  ValueError,
} from "./values.js";

/** A condition with types. Macros are gone, and a macro that was used twice is one shared object. */
export type Bound =
  | { kind: "and" | "or"; children: Bound[] }
  | { kind: "not"; child: Bound }
  | { kind: "exists"; left: BoundOperand }
  | BoundCheck;

/** A comparison that fits its field. `type` is what both sides are compared as. */
export interface BoundCheck {
  readonly kind: "check";
  readonly left: BoundOperand;
  readonly op: Operator;
  readonly modifier: Modifier | null;
  readonly type: ValueType;
  readonly values: BoundValue[];
  readonly right: BoundOperand | null; // then `values` is empty
}

/** The left side of a check. `isList` says that join() and len() walk through it. */
export type BoundOperand =
  | { kind: "field"; use: FieldUse; type: ValueType }
  | {
      kind: "transform";
      name: string;
      args: (BoundOperand | TextValue)[];
      arg: string | null;
      type: ValueType;
      isList: boolean;
    };

/** FieldType without `arg`, whose type depends on the parameter. */
export type ValueType = Exclude<FieldType, "arg">;
/** A value, read by its type. */
export type BoundValue = string | bigint | boolean | NetValue; // by type: byte string; number or port; truth; address or net

/** A check that does not fit, in Falco's words. `at` is inside the condition. */
export class BindError extends Error {
  constructor(
    message: string,
    readonly at: Place,
  ) {
    super(message);
  }
}

/** A check that is allowed and probably means something else. */
export interface BindWarning {
  readonly message: string;
  readonly at: Place;
}

/** A bound expression, and what is doubtful in it. A macro's warnings may stand there more than once. */
interface Known {
  readonly bound: Bound;
  readonly warnings: readonly BindWarning[];
}

const NO_WARNINGS: readonly BindWarning[] = [];

/** Binds expressions; one that several rules share is bound once. */
export class Binder {
  readonly #known = new WeakMap<Expr, Known>();
  readonly #statics: Statics;

  constructor(statics = NO_STATICS) {
    this.#statics = statics;
  }

  /** Throws BindError at the first check that does not fit. */
  bind(expr: Expr): Known {
    const { bound, warnings } = this.#of(expr);
    return { bound, warnings: [...new Set(warnings)] };
  }

  #of(expr: Expr): Known {
    let known = this.#known.get(expr);
    if (known === undefined) {
      known = this.#make(expr);
      this.#known.set(expr, known);
    }
    return known;
  }

  #make(e: Expr): Known {
    switch (e.kind) {
      case "and":
      case "or": {
        const kids = e.children.map((child) => this.#of(child));
        const doubts = kids.filter(({ warnings }) => warnings.length > 0);
        return {
          bound: { kind: e.kind, children: kids.map(({ bound }) => bound) },
          warnings: doubts.length === 0 ? NO_WARNINGS : doubts.flatMap(({ warnings }) => warnings),
        };
      }
      case "not": {
        const { bound, warnings } = this.#of(e.child);
        return { bound: { kind: "not", child: bound }, warnings };
      }
      case "exists": {
        const left = guarded(e.at, () => bindOperand(e.left, this.#statics));
        return { bound: { kind: "exists", left }, warnings: NO_WARNINGS };
      }
      case "check": {
        const warnings: BindWarning[] = [];
        return { bound: guarded(e.at, () => bindCheck(e, warnings, this.#statics)), warnings };
      }
      case "macro":
        throw new BindError(`Undefined macro '${e.name}' used in filter.`, e.at);
    }
  }
}

/** One expression alone. Throws as Binder does. */
export function bind(expr: Expr, statics = NO_STATICS): Bound {
  return new Binder(statics).bind(expr).bound;
}

/** Whether a text is a field, or a transformer of fields, that exists. */
export function isOperand(text: string, statics = NO_STATICS): boolean {
  let known = OPERANDS.get(statics);
  if (known === undefined || known.size >= OPERANDS_MAX) {
    known = new Map();
    OPERANDS.set(statics, known);
  }
  const found = known.get(text) ?? canBind(text, statics);
  known.set(text, found);
  return found;
}

/** Outputs ask for the same few fields again and again. */
const OPERANDS = new WeakMap<object, Map<string, boolean>>();
const OPERANDS_MAX = 2000;

function canBind(text: string, statics: typeof NO_STATICS): boolean {
  try {
    bind(parseCondition(`${text} exists`), statics);
    return true;
  } catch (error) {
    if (error instanceof ConditionError || error instanceof BindError) return false;
    throw error;
  }
}

function guarded<T>(at: Place, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof FieldError || error instanceof ValueError) throw new BindError(fromBytes(error.message), at);
    throw error;
  }
}

function bindCheck(e: CheckExpr, warnings: BindWarning[], statics: Statics): Bound {
  const left = bindOperand(e.left, statics);
  if (left.kind === "field" && left.use.name === "evt.around") return bindAround(e, left.use.index as string);
  const { type } = left;
  const { op, modifier } = e;
  requireOperator(op, left);
  const make = (values: BoundValue[], right: BoundOperand | null): BoundCheck => {
    return { kind: "check", left, op, modifier, type, values, right };
  };
  warnings.push(...doubtsOf(e).map((message) => ({ message, at: e.at })));
  if (e.right.kind === "text") return make([bindValue(e.right.value, type, op, e.left)], null);
  if (e.right.kind === "list")
    return make(
      e.right.values.map((value) => bindValue(value, type, op, e.left)),
      null,
    );
  const right = bindOperand(e.right, statics);
  if (op === "pmatch" || op === "regex")
    throw new ValueError(`operator '${op.toUpperCase()}' doesn't support right-hand side fields`);
  const leftAlone = plainOnlyIn(left);
  if (leftAlone !== null) throw new ValueError(`field '${leftAlone}' doesn't support right-hand side fields`);
  const rightAlone = plainOnlyIn(right);
  if (rightAlone !== null) throw new ValueError(`field '${rightAlone}' can't be used as a right-hand side field`);
  if (right.type !== type) {
    throw new ValueError(`left and right hand side types are not compatible: ${type} and ${right.type}`);
  }
  if (op === "glob" || op === "iglob") {
    throw new ValueError(`'${op}' operator not supported with a field on the right hand side`);
  }
  return make([], right);
}

// evt.around[TIME] = MS: the time of the event is not further from that one.
function bindAround({ op, right, modifier }: CheckExpr, index: string): Bound {
  if ((op !== "=" && op !== "==") || modifier !== null || right.kind !== "text")
    throw new ValueError("evt.around supports only '=' comparison operator");
  const [time, distance] = [parseInteger(index), parseInteger(right.value) * NS_OF_MS];
  const left: BoundOperand = { kind: "field", use: findField("evt.rawtime", null), type: "int" };
  const check = (bound: Operator, value: bigint): BoundCheck => {
    return { kind: "check", left, op: bound, modifier: null, type: "int", values: [value], right: null };
  };
  const [from, to] = [time - distance, time + distance];
  return { kind: "and", children: [check(">=", from < 0n ? 0n : from), check("<=", to > TIME_MAX ? TIME_MAX : to)] };
}

const NS_OF_MS = 1_000_000n;
const TIME_MAX = (1n << 63n) - 1n;

function bindOperand(operand: Operand, statics: Statics): BoundOperand {
  if (operand.kind === "field") {
    const use = findField(operand.name, operand.arg, statics);
    return { kind: "field", use, type: use.type === "arg" ? argumentType(use.index!) : use.type };
  }
  const args = operand.args.map((arg) => (arg.kind === "text" ? arg : bindOperand(arg, statics)));
  if (operand.name === "val") return args[0] as BoundOperand;
  if (args.length === 1) {
    const alone = plainOnlyIn(args[0]!);
    if (alone !== null) throw new FieldError(`field '${alone}' does not support transformers`);
  }
  checkTransform(operand.name, args, operand.arg);
  const isList = operand.name === "getopt" && operand.arg === null;
  const type = operand.name === "len" ? "int" : "text";
  return { kind: "transform", name: operand.name, args, arg: operand.arg, type, isList };
}

/** The operand's field, if it can only be compared with values, as it is; null: it is another. */
function plainOnlyIn(operand: BoundOperand | TextValue): string | null {
  if (operand.kind !== "field") return null;
  return PLAIN_ONLY.has(operand.use.name) ? operand.use.name : null;
}

/** Falco compares these in ways of their own, of several values or of none, with an index or without. */
const PLAIN_ONLY = new Set(
  `proc.aname proc.aexe proc.aexepath proc.aargs proc.acmdline proc.aenv proc.apid fd.ip fd.port fd.proto fd.net fd.cnet
   fd.snet fd.lnet fd.rnet fd.cip.name fd.sip.name fd.lip.name fd.rip.name fd.types evt.rawarg`.split(/\s+/),
);

function checkTransform(name: string, args: (BoundOperand | TextValue)[], arg: string | null): void {
  const refuse = (isWrong: boolean, message: string) => {
    if (isWrong) throw new FieldError(message);
  };
  const isText = (a: BoundOperand | TextValue) => a.kind === "text" || a.type === "text" || a.type === "bytes";
  if (name === "join") refuse(args.length !== 2, "join() requires exactly 2 arguments: separator and list");
  else if (name === "concat") refuse(args.length < 2, "concat() requires at least 2 arguments");
  else if (name === "getopt") {
    refuse(args.length !== 2, "getopt() requires exactly 2 arguments: args list and optstring");
    refuse(arg !== null && arg.length !== 1, "getopt() field argument must be a single option character");
  }
  if (name === "join") refuse(!isListArgument(args[1]!), "join() second argument must be a list");
  if (name === "getopt") refuse(!isListArgument(args[0]!), "getopt() first argument must be a list");
  if (name === "len") return;
  refuse(!args.every(isText), `${name}() arguments must be strings`);
}

/** The command line is a list to join() and getopt(), although its field is one text. */
export function isListArgument(arg: BoundOperand | TextValue): boolean {
  if (arg.kind === "text") return false;
  if (arg.kind === "transform") return arg.isList;
  return arg.use.isList || (LIST_TEXTS.has(arg.use.name) && arg.use.index === null);
}

/** Fields that Falco types as texts and that our events hold as lists. */
export const LIST_TEXTS = new Set(["proc.args", "proc.env"]);

// evt.rawarg has the type of the parameter; where events differ, that of the first.
function argumentType(name: string): ValueType {
  const isNamed = (param: Field, place: number): boolean => param.name === name || String(place) === name;
  const param = EVENTS.flatMap((event) => event.params.filter(isNamed))[0];
  if (param?.type === "bytes" || param?.type === "sockaddr") return "bytes";
  return param && TEXT_PARAMS.has(param.type) ? "text" : "int";
}

const TEXT_PARAMS = new Set(["path", "relpath", "str", "strlist", "tuple"]);

const OPERATORS_OF: Record<ValueType, string> = {
  text: "== = != < <= > >= contains icontains startswith endswith glob iglob regex in intersects pmatch",
  bytes: "== = != contains startswith endswith bcontains bstartswith in intersects",
  int: "== = != < <= > >= in intersects",
  port: "== = != < <= > >= in intersects",
  bool: "== = != in intersects",
  ip: "== = != in intersects",
  net: "== = != in intersects",
};
const TYPE_NAMES: Record<ValueType, string> = {
  text: "string filters",
  bytes: "buffer filters",
  int: "numeric filters",
  port: "numeric filters",
  bool: "numeric filters",
  ip: "ip address and network filters",
  net: "ip address and network filters",
};

function requireOperator(op: Operator, left: BoundOperand): void {
  if (left.kind === "transform" && left.isList && op !== "in" && op !== "intersects") {
    throw new ValueError(`'${op}' operator not supported list filters`);
  }
  if (OPERATORS_OF[left.type].split(" ").includes(op)) return;
  throw new ValueError(`'${op}' operator not supported for ${TYPE_NAMES[left.type]}`);
}

function bindValue(value: string, type: ValueType, op: Operator, left: Operand): BoundValue {
  if (left.kind === "field" && fieldText(left) === "evt.type" && ["=", "==", "!=", "in", "intersects"].includes(op)) {
    if (!isEventType(value)) throw new ValueError(`unknown event type ${value}`);
  }
  switch (type) {
    case "text":
      if (value.includes("\0")) throw new ValueError("a NUL byte can only be compared with a byte buffer");
      if (op === "regex") parseRegex(value);
      return value;
    case "bytes":
      return op === "bcontains" || op === "bstartswith" ? parseHexBytes(value) : value;
    case "int":
      return parseInteger(value);
    case "port":
      return parsePort(value);
    case "bool":
      return parseBool(value);
    case "ip":
      return parseIp(value);
    case "net":
      return parseNet(value);
  }
}
