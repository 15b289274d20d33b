// SPDX-License-Identifier: Apache-2.0
// Names of bits and values, from flags.yaml. Set bits are joined by | in the table's order, as Falco joins
// them; what has no name at all is printed as its number. The same few values come again and again, so each
// answer is kept.
import { TABLES, type Table } from "../../build/generated/flags.js";
import type { Int } from "./slot.js";

/** A program that passes random flags must not fill our memory. */
const KEPT_MAX = 4096;
const kept = new Map<string, Map<Int, string>>();

/** Of a `flags` table (or `mode`). */
export function namesOf(table: string, value: Int): string {
  return remember(table, value, joinNames);
}

/** Of an `enum` table. */
export function nameOfValue(table: string, value: Int): string {
  return remember(table, value, (rows, wanted) => printedName(table, findName(rows, wanted)));
}

/** What Falco prints of a value: one that has two names with both. */
export function printedName(table: string, name: string): string {
  return table === "socket_family" && name === "AF_LOCAL" ? "AF_LOCAL|AF_UNIX" : name;
}

/** ENOENT for -2; null for what is no error. */
export function errnoName(result: number): string | null {
  if (result >= 0) return null;
  const name = nameOfValue("errno", -result);
  return name.startsWith("E") ? name : null;
}

function joinNames(table: Table, value: bigint): string {
  if (value === 0n && table.zero !== null) return table.zero;
  const names = table.rows.filter((row) => (value & row.mask) === row.value).map((row) => row.name);
  return names.length === 0 ? value.toString() : names.join("|");
}

function findName(table: Table, value: bigint): string {
  return table.rows.find((row) => row.value === value)?.name ?? value.toString();
}

function remember(name: string, value: Int, find: (table: Table, value: bigint) => string): string {
  const answers = kept.get(name) ?? new Map<Int, string>();
  kept.set(name, answers);
  const known = answers.get(value);
  if (known !== undefined) return known;
  const table = TABLES[name];
  if (table === undefined) throw new Error(`flags.yaml has no table ${name}`);
  const answer = find(table, BigInt(value));
  if (answers.size >= KEPT_MAX) answers.clear();
  answers.set(value, answer);
  return answer;
}
