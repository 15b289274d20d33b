// SPDX-License-Identifier: Apache-2.0
// Falco's conditions, interpreted: written from what the language means, with no thought of speed, and
// sharing nothing with the compiler but the parser. For tests only. Values come from the host's field table,
// which is what outputs print.

import { bind } from "../../../host/falco/bind.js";
import type { CheckExpr, Expr, FieldOperand, Operand } from "../../../host/falco/condition.js";
import { type FieldUse, findField } from "../../../host/falco/fields.js";
import type { Batch } from "../../../host/wire/batch.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { PROCESS_AT } from "../../../host/wire/layout.js";
import { processInt, processList } from "../../../host/wire/process.js";
import { eventOf, processAt, timeOf } from "../../../host/wire/record.js";
import { paramBytes } from "../../../host/wire/render.js";
import type { Value } from "../../../host/wire/value.js";

export interface Event {
  batch: Batch;
  at: number;
}

export function interpret(expr: Expr, event: Event): boolean {
  switch (expr.kind) {
    case "and":
      return expr.children.every((child) => interpret(child, event));
    case "or":
      return expr.children.some((child) => interpret(child, event));
    case "not":
      return !interpret(expr.child, event);
    case "exists":
      return valuesOf(expr.left, event).length > 0;
    case "check":
      return check(expr, event);
    case "macro":
      throw new Error(`macro ${expr.name} is not resolved`);
  }
}

type Plain = string | bigint | boolean; // a text is a byte string

function check(e: CheckExpr, event: Event): boolean {
  if (e.left.kind === "field" && e.left.name === "evt.around" && e.right.kind === "text") {
    const distance = timeOf(event.batch, event.at) - BigInt(e.left.arg!);
    return (distance < 0n ? -distance : distance) <= BigInt(e.right.value) * 1_000_000n;
  }
  const standing = standingForProcessOne(e, event);
  if (standing !== null) return standing;
  const left = valuesOf(e.left, event);
  if (left.length === 0) return false;
  const test = (a: Plain, b: Plain, op: string) => compare(a, b, op, kindOf(e.left));
  const is = (value: Plain) => {
    // Of both ends of a connection: for `!=` both have to differ, else one has to fit. Any ancestor has to
    // fit.
    if (e.op === "!=" && isEnds(e.left)) return left.every((a) => test(a, value, "!="));
    return left.some((a) => test(a, value, e.op));
  };
  if (e.right.kind === "text") return is(e.right.value);
  if (e.right.kind !== "list") {
    const right = valuesOf(e.right, event);
    return right.length > 0 && is(right[0]!);
  }
  const values = e.right.values;
  if (e.modifier !== null && values.length === 0) return false;
  if (e.modifier === "anyof") return values.some(is);
  if (e.modifier === "allof") return values.every(is);
  if (e.modifier === "oneof") return values.filter(is).length === 1;
  if (e.op === "pmatch") return left.some((a) => values.some((value) => hasPathPrefix(a as string, value)));
  const isListValue = e.left.kind === "transform" && e.left.name === "getopt" && e.left.arg === null;
  const isIn = (a: Plain) => values.some((value) => test(a, value, "="));
  return isListValue && e.op === "in" ? left.every(isIn) : left.some(isIn);
}

// In a container, the process that the agent started is as good as process 1; null: it is not that, or not
// asked for.
function standingForProcessOne(e: CheckExpr, event: Event): boolean | null {
  if (e.left.kind !== "field" || e.left.name !== "proc.vpid" || e.modifier !== null) return null;
  const values = e.right.kind === "text" ? [e.right.value] : e.right.kind === "list" ? e.right.values : [];
  if (!["=", "==", "!=", "in", "intersects"].includes(e.op) || !values.includes("1")) return null;
  const is = (field: string) => processInt(event.batch, processAt(event.batch, event.at), PROCESS_AT[field]!) === 0;
  const container = fieldValue("container.id")!(event.batch, event.at);
  if (!is("session") || !is("clone_seen") || container === null || container === "host") return null;
  return e.op !== "!=";
}

function isEnds(operand: Operand): boolean {
  return operand.kind === "field" && ["fd.ip", "fd.port", "fd.proto", "fd.net"].includes(operand.name);
}

function kindOf(operand: Operand): string {
  if (operand.kind === "field") return useOf(operand).type;
  return operand.name === "len" ? "int" : "text";
}

function compare(a: Plain, b: Plain, op: string, kind: string): boolean {
  if (kind === "net" || kind === "ip") {
    const isIn = inNet(a as string, b as string);
    return op === "!=" ? !isIn : isIn;
  }
  if (typeof a === "boolean") return op === "!=" ? String(a) !== String(b) : String(a) === String(b);
  if (typeof a === "bigint") {
    const n = BigInt(b);
    const difference = a - n;
    const tests: Record<string, boolean> = {
      "=": difference === 0n,
      "==": difference === 0n,
      "!=": difference !== 0n,
      in: difference === 0n,
      intersects: difference === 0n,
      "<": difference < 0n,
      "<=": difference <= 0n,
      ">": difference > 0n,
      ">=": difference >= 0n,
    };
    return tests[op]!;
  }
  const [s, t] = [a, String(b)];
  switch (op) {
    case "=":
    case "==":
    case "in":
    case "intersects":
      return s === t;
    case "!=":
      return s !== t;
    case "<":
      return s < t;
    case "<=":
      return s <= t;
    case ">":
      return s > t;
    case ">=":
      return s >= t;
    case "contains":
      return s.includes(t);
    case "icontains":
      return s.toLowerCase().includes(t.toLowerCase());
    case "startswith":
      return s.startsWith(t);
    case "endswith":
      return s.endsWith(t);
    case "bcontains":
      return s.includes(Buffer.from(t, "hex").toString("latin1"));
    case "bstartswith":
      return s.startsWith(Buffer.from(t, "hex").toString("latin1"));
    case "glob":
      return fnmatch(t, s);
    case "iglob":
      return fnmatch(t.toLowerCase(), s.toLowerCase());
    case "regex":
      // POSIX and JavaScript agree on the rest of what the tests use.
      return new RegExp(`^(?:${t.replace("[[:alpha:]]", "[A-Za-z]")})$`, "s").test(s);
    case "pmatch":
      return hasPathPrefix(s, t);
    default:
      throw new Error(`no operator ${op}`);
  }
}

// fnmatch(3) without flags, by trying.
function fnmatch(pattern: string, text: string, i = 0, j = 0): boolean {
  for (; i < pattern.length; i++) {
    if (pattern[i] === "*") {
      for (let k = j; k <= text.length; k++) if (fnmatch(pattern, text, i + 1, k)) return true;
      return false;
    }
    if (j === text.length) return false;
    if (pattern[i] === "[") {
      const end = pattern.indexOf("]", i + 2);
      if (end < 0) return pattern[i] === text[j] && fnmatch(pattern, text, i + 1, j + 1);
      const inner = pattern.slice(i + 1, end);
      const isNegated = inner[0] === "!";
      const set = inner.slice(isNegated ? 1 : 0);
      let isIn = false;
      for (let k = 0; k < set.length; k++) {
        if (set[k + 1] === "-" && k + 2 < set.length) {
          if (text[j]! >= set[k]! && text[j]! <= set[k + 2]!) isIn = true;
          k += 2;
        } else if (set[k] === text[j]) isIn = true;
      }
      if (isIn === isNegated) return false;
      i = end;
    } else if (pattern[i] !== "?" && pattern[i] !== text[j]) return false;
    j++;
  }
  return j === text.length;
}

function hasPathPrefix(path: string, prefix: string): boolean {
  const want = prefix.split("/").filter((part) => part !== "");
  const have = path.split("/").filter((part) => part !== "");
  if (prefix.startsWith("/") && !path.startsWith("/")) return false;
  return want.length <= have.length && want.every((part, i) => fnmatch(part, have[i]!));
}

function inNet(address: string, net: string): boolean {
  const [base, bits] = net.split("/");
  const [a, b] = [bitsOf(address), bitsOf(base!)];
  if (a.length !== b.length) return false;
  const count = bits === undefined ? a.length : Number(bits);
  return a.slice(0, count) === b.slice(0, count);
}

function bitsOf(address: string): string {
  if (!address.includes(":"))
    return address
      .split(".")
      .map((n) => Number(n).toString(2).padStart(8, "0"))
      .join("");
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const hex = (a: string, b: string) => (Number(a) * 256 + Number(b)).toString(16);
  const plain = dotted ? `${dotted[1]}${hex(dotted[2]!, dotted[3]!)}:${hex(dotted[4]!, dotted[5]!)}` : address;
  const [head, tail] = plain.split("::");
  const left = head ? head.split(":") : [];
  const right = tail ? tail.split(":") : [];
  const zeros = plain.includes("::") ? new Array<string>(8 - left.length - right.length).fill("0") : [];
  return [...left, ...zeros, ...right].map((g) => Number.parseInt(g, 16).toString(2).padStart(16, "0")).join("");
}

// The values that a check compares: none, one, both ends of a connection, all ancestors, or a list.
function valuesOf(operand: Operand, event: Event): Plain[] {
  if (operand.kind === "field") return fieldValues(operand, event);
  const texts = operand.args.map((arg) => (arg.kind === "text" ? [arg.value] : (valuesOf(arg, event) as string[])));
  const [first] = texts;
  const one = (change: (text: string) => string | null): Plain[] => {
    const changed = first!.length === 0 ? null : change(first![0]!);
    return changed === null ? [] : [changed];
  };
  switch (operand.name) {
    case "val":
      return first!;
    case "tolower":
      return one((s) => s.replace(/[A-Z]/g, (c) => c.toLowerCase()));
    case "toupper":
      return one((s) => s.replace(/[a-z]/g, (c) => c.toUpperCase()));
    case "basename":
      return one((s) => s.slice(s.lastIndexOf("/") + 1));
    case "b64":
      return one((s) =>
        /^[A-Za-z0-9+/]*=*$/.test(s) && s.replace(/=*$/, "").length % 4 !== 1
          ? Buffer.from(s, "base64").toString("latin1")
          : null,
      );
    case "len":
      return first!.length === 0 ? [] : [BigInt(Buffer.from(first![0]!, "latin1").toString("utf8").length)];
    case "concat":
      return texts.some((t) => t.length === 0) ? [] : [texts.map((t) => t[0]).join("")];
    case "join": {
      const list = listOf(operand.args[1] as Operand, event);
      return list === null || first!.length === 0 ? [] : [list.join(first![0])];
    }
    case "getopt": {
      const list = listOf(operand.args[0] as Operand, event);
      const found = list === null ? [] : getopt(list, texts[1]![0]!);
      if (operand.arg === null) return found.flat();
      const last = found.filter(([name]) => name === operand.arg).at(-1);
      return last ? [last.at(-1)!] : [];
    }
  }
}

// proc.args and proc.env are lists to these transformers, before blanks join them.
function listOf(operand: Operand, { batch, at }: Event): string[] | null {
  const field = operand.kind === "field" ? PROCESS_AT[operand.name.slice("proc.".length)] : undefined;
  if (field === undefined) throw new Error("not a list");
  return processList(batch, processAt(batch, at), field)?.map((text) => Buffer.from(text).toString("latin1")) ?? null;
}

function getopt(args: readonly string[], options: string): string[][] {
  const out: string[][] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!/^-./s.test(arg) || arg === "--") break;
    if (arg.startsWith("--")) continue;
    for (let k = 1; k < arg.length; k++) {
      const at = options.indexOf(arg[k]!);
      if (at < 0 || arg[k] === ":") out.push(["?"]);
      else if (options[at + 1] !== ":") out.push([arg[k]!]);
      else {
        const value = k + 1 < arg.length ? arg.slice(k + 1) : args[++i];
        out.push(value === undefined ? [options[0] === ":" ? ":" : "?"] : [arg[k]!, value]);
        break;
      }
    }
  }
  return out;
}

const USES = new WeakMap<FieldOperand, FieldUse>();

function useOf(field: FieldOperand): FieldUse {
  const known = USES.get(field) ?? findField(field.name, field.arg);
  USES.set(field, known);
  return known;
}

function fieldValues(field: FieldOperand, { batch, at }: Event): Plain[] {
  const use = useOf(field);
  if (use.type === "bytes") return payload(batch, at);
  // fd.net and its like are the addresses that fd.ip has.
  const getter = fieldValue(use.text.replace(/^(fd\..*)net$/, "$1ip"));
  const value = getter?.(batch, at) ?? null;
  const list: readonly Value[] = Array.isArray(value) ? value : [value];
  return list.filter((v) => v !== null && isOf(v, field)).map(plain);
}

// A raw argument that is a number of one event and a text of another has one type for conditions.
function isOf(value: Value, field: FieldOperand): boolean {
  if (!field.name.startsWith("evt.rawarg")) return true;
  return (typeof value === "string") === !isInt(field);
}

function isInt(field: FieldOperand): boolean {
  const bound = bind({ kind: "exists", left: field, at: field.at });
  return bound.kind === "exists" && bound.left.type === "int";
}

function payload(batch: Batch, at: number): Plain[] {
  const param = eventOf(batch, at).params.find((p) => p.type === "bytes" && ["data", "value", "img"].includes(p.name));
  const bytes = param ? paramBytes(param)(batch, at) : null;
  return bytes === null ? [] : [bytes.toString("latin1")];
}

function plain(value: Value): Plain {
  if (typeof value === "number") return BigInt(value);
  return typeof value === "string" ? Buffer.from(value).toString("latin1") : (value as Plain);
}
