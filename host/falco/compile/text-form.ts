// SPDX-License-Identifier: Apache-2.0
// Reads functions in WebAssembly's folded text form into trees, for the run-time of compiled rules, which is
// easier to read as text. The subset of wasm.ts, with these abbreviations: a bare number is an i32.const,
// `$x` alone is a local.get, `(set $x v)` and `(tee $x v)` are local.set and local.tee, and a load or store
// without `offset=` has none.
//
//   (func $name (param $a i32) ... (result i32) (local $b i64) ... body)
//   (if (result i32) condition (then ...) (else ...))    (block $label (result i32) ...)    (loop $label ...)

import { MEMORY_OPS } from "./opcodes.js";
import type { Func, Tree, WasmType } from "./wasm.js";

type Raw = string | Raw[];

/** The functions of a text. Throws an Error at a mistake: the texts are ours. */
export function readFuncs(text: string): Func[] {
  return readAll(text).map((raw) => func(raw as Raw[]));
}

function readAll(text: string): Raw[] {
  const stack: Raw[][] = [[]];
  for (const [token] of text.replace(/;;.*/g, "").matchAll(/[()]|[^()\s]+/g)) {
    if (token === "(") stack.push([]);
    else if (token === ")") {
      const done = stack.pop()!;
      stack.at(-1)!.push(done);
    } else stack.at(-1)!.push(token);
  }
  return stack[0]!;
}

function func([, name, ...rest]: Raw[]): Func {
  const out: Func = { name: name as string, params: [], result: null, locals: [], body: [] };
  for (const part of rest) {
    const [head, first, second] = Array.isArray(part) ? part : [];
    if (head === "param") out.params.push([first as string, second as WasmType]);
    else if (head === "local") out.locals.push([first as string, second as WasmType]);
    else if (head === "result") out.result = first as WasmType;
    else out.body.push(tree(part));
  }
  return out;
}

function tree(raw: Raw): Tree {
  if (typeof raw === "string") return raw.startsWith("$") ? ["local.get", raw] : Number(raw);
  const [op, ...rest] = raw as [string, ...Raw[]];
  if (op === "set" || op === "tee") return [`local.${op}`, rest[0] as string, tree(rest[1]!)];
  if (op === "i64.const") return [op, BigInt(rest[0] as string)];
  if (op === "sym") return [op, rest[0] as string];
  if (op === "call") return [op, rest[0] as string, ...rest.slice(1).map(tree)];
  if (op === "br") return [op, rest[0] as string];
  if (op === "br_if") return [op, rest[0] as string, tree(rest[1]!)];
  if (MEMORY_OPS.has(op)) {
    const offset = typeof rest[0] === "string" && /^offset=(\d+)$/.exec(rest[0]);
    return offset ? [op, Number(offset[1]), ...rest.slice(1).map(tree)] : [op, 0, ...rest.map(tree)];
  }
  if (op === "block" || op === "loop") {
    const [type, body] = result(rest.slice(1));
    return [op, rest[0] as string, type, ...body.map(tree)];
  }
  if (op === "if") {
    const [type, [condition, then, otherwise]] = result(rest);
    const branch = (part: Raw | undefined) => (part ? (part as Raw[]).slice(1).map(tree) : null);
    return ["if", type, tree(condition!), branch(then), branch(otherwise)];
  }
  return [op, ...rest.map(tree)];
}

function result(parts: Raw[]): [WasmType | null, Raw[]] {
  const [first] = parts;
  const isResult = Array.isArray(first) && first[0] === "result";
  return isResult ? [first[1] as WasmType, parts.slice(1)] : [null, parts];
}
