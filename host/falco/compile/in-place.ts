// SPDX-License-Identifier: Apache-2.0
// Comparisons of the text in $P and $L, where it stands. Texts up to 16 bytes are compared with one or two
// loads, without a jump: loads may reach past the text.
import type { Operator } from "../condition.js";
import { and, call, get, i64, load, load64 } from "./func-context.js";
import type { Program } from "./program.js";
import { L, P } from "./text-source.js";
import type { Tree } from "./wasm.js";

/** Whether the text is `value`. An i32, 0 or 1. */
export function same(program: Program, value: string): Tree {
  if (value.length > 16) return call("$eq", get(P), get(L), program.data.text(value), value.length);
  return and(["i32.eq", get(L), value.length], bytesAt(get(P), value));
}

/** Whether the text begins with `value`. An i32, 0 or 1. */
export function startsWith(program: Program, value: string): Tree {
  if (value.length > 16) return call("$starts", get(P), get(L), program.data.text(value), value.length);
  return and(["i32.ge_s", get(L), value.length], bytesAt(get(P), value));
}

/** Whether the text ends with `value`. An i32, 0 or 1. */
export function endsWith(program: Program, value: string): Tree {
  if (value.length > 16) return call("$ends", get(P), get(L), program.data.text(value), value.length);
  const tail: Tree = ["i32.add", get(P), ["i32.sub", get(L), value.length]];
  return ["if", "i32", ["i32.ge_s", get(L), value.length], [bytesAt(tail, value)], [0]];
}

/** $P, $L against another text. */
export function comparison(op: Operator, p: Tree, l: Tree): Tree {
  const args = [get(P), get(L), p, l];
  switch (op) {
    case "=":
    case "==":
    case "in":
    case "intersects":
      return call("$eq", ...args);
    case "contains":
    case "icontains":
      return call(`$${op}`, ...args);
    case "startswith":
    case "bstartswith":
      return call("$starts", ...args);
    case "endswith":
      return call("$ends", ...args);
    case "bcontains":
      return call("$contains", ...args);
    default: {
      const ops: Record<string, string> = { "<": "i32.lt_s", "<=": "i32.le_s", ">": "i32.gt_s", ">=": "i32.ge_s" };
      return and(["i32.ge_s", get(L), 0], [ops[op]!, call("$cmp", ...args), 0]);
    }
  }
}

// Whether up to 16 bytes at `address` are those of `value`.
function bytesAt(address: Tree, value: string): Tree {
  const word = (start: number, count: number): Tree => {
    const mask = (1n << BigInt(count * 8)) - 1n;
    let want = 0n;
    for (let i = count - 1; i >= 0; i--) want = (want << 8n) | BigInt(value.charCodeAt(start + i));
    if (count === 8) return ["i64.eq", load64(address, start), i64(want)];
    if (count === 4) return ["i32.eq", load(address, start), Number(BigInt.asIntN(32, want))];
    if (count === 1) return ["i32.eq", ["i32.load8_u", start, address], Number(want)];
    return ["i64.eq", ["i64.and", load64(address, start), i64(mask)], i64(want)];
  };
  if (value.length === 0) return 1;
  if (value.length <= 8) return word(0, value.length);
  return and(word(0, 8), word(value.length - 8, 8));
}
