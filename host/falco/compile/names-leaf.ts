// SPDX-License-Identifier: Apache-2.0
// Answers questions about names from the number behind them: `evt.arg.flags contains O_TRUNC` is a test of
// bits, `evt.arg.request in (PTRACE_ATTACH, ...)` a comparison of numbers. Undefined where only the text
// itself can tell.
import type { Operator } from "../condition.js";
import { compareText } from "./compare-text.js";
import { i64 } from "./func-context.js";
import type { LeafBase } from "./leaf-base.js";
import type { Node } from "./node.js";
import { ABSENT, type NameRow, type NamesSource } from "./source.js";

const PARTS = new Set<Operator>(["contains", "icontains", "startswith", "endswith"]);
const WHOLE = new Set<Operator>(["=", "==", "in", "intersects"]);
// Asking more numbers than this costs more than making the text.
const NUMBERS_MAX = 16;

/** A node that reads the number alone; undefined where the text has to be made. */
export function namesQuestion(
  maker: LeafBase,
  source: NamesSource,
  op: Operator,
  values: readonly string[],
): Node | undefined {
  if (source.form === "char") return characters(maker, source, op, values);
  if (source.form === "bits") return bits(maker, source, op, values);
  // A number without a name is digits; only what cannot be part of digits is answered by names alone.
  const isDigits = (value: string) => /^-?\d*$/.test(value);
  if (PARTS.has(op) ? values.some(isDigits) : !WHOLE.has(op)) return undefined;
  const seen = new Set<bigint>();
  const rows = source.rows.filter((row) => !seen.has(row.value) && seen.add(row.value));
  const numbers = rows.filter((row) => compareText(row.name, op, values)).map((row) => row.value);
  if (WHOLE.has(op)) {
    for (const value of values) {
      const number = /^(0|-?[1-9]\d{0,18})$/.test(value) ? BigInt(value) : null;
      if (number !== null && !seen.has(number) && (source.positive === null || number < 0n)) numbers.push(number);
    }
  }
  if (numbers.length > NUMBERS_MAX) return undefined;
  const nodes = numbers.map((number) =>
    maker.leaf(source, `= ${number}`, 1, 0.2, (f) => ["i64.eq", source.value(f), i64(number)]),
  );
  if (source.positive !== null && compareText(source.positive, op, values)) {
    nodes.push(maker.leaf(source, ">= 0", 1, 0.7, (f) => ["i64.ge_s", source.value(f), i64(0)]));
  }
  return maker.graph.or(nodes);
}

function characters(maker: LeafBase, source: NamesSource, op: Operator, values: readonly string[]): Node | undefined {
  if (!WHOLE.has(op) && (!PARTS.has(op) || op === "icontains" || values.includes(""))) return undefined;
  const codes = values.filter((value) => value.length === 1).map((value) => BigInt(value.charCodeAt(0)));
  return maker.graph.or(
    codes.map((code) => maker.leaf(source, `= ${code}`, 1, 0.3, (f) => ["i64.eq", source.value(f), i64(code)])),
  );
}

function bits(maker: LeafBase, source: NamesSource, op: Operator, values: readonly string[]): Node | undefined {
  const isOneName = (value: string) => /^[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_]*$/.test(value);
  if ((op !== "contains" && op !== "icontains") || !values.every(isOneName)) return undefined;
  const { graph } = maker;
  const hasRow = (row: NameRow) =>
    maker.leaf(source, `&${row.mask}=${row.value}`, 1, 0.2, (f) => [
      "i64.eq",
      ["i64.and", source.value(f), i64(row.mask)],
      i64(row.value),
    ]);
  const rows = graph.or(source.rows.filter((row) => compareText(row.name, op, values)).map(hasRow));
  const named = source.zero === null ? rows : byZero(maker, source, rows, compareText(source.zero, op, values));
  // INT64_MIN has the low bits of 0, so that its absence has to be asked for.
  const isThere = maker.leaf(source, "exists", 1, 0.95, (f) => ["i64.ne", source.value(f), i64(ABSENT)]);
  return graph.and([isThere, named]);
}

function byZero(maker: LeafBase, source: NamesSource, rows: Node, whenZero: boolean): Node {
  const { graph } = maker;
  const isZero = maker.leaf(source, "= 0", 1, 0.2, (f) => ["i64.eqz", source.value(f)]);
  return whenZero ? graph.or([isZero, rows]) : graph.and([graph.not(isZero), rows]);
}
