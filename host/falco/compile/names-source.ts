// SPDX-License-Identifier: Apache-2.0
// Texts that are a function of a number: the name of a value (`AF_PACKET`), the names of set bits
// (`O_RDONLY|O_CLOEXEC`), a character. Rules are mostly answered from the number (leaf.ts); the text is made
// only where that cannot be.
import { TABLES } from "../../../build/generated/flags.js";
import { printedName } from "../../wire/names.js";
import { type Base, call, type FuncContext, get, i64, tee } from "./func-context.js";
import type { Program } from "./program.js";
import { ABSENT, type NameRow, type NamesSource, type Scope } from "./source.js";
import { build, fixedText, noText, useText } from "./text-source.js";
import type { Tree } from "./wasm.js";

/** What makes a NamesSource. `between` joins names of bits, `positive` names every number from 0 on. */
export interface NamesOptions {
  readonly key: string;
  readonly scope: Scope;
  readonly base?: Base;
  readonly table: string | null; // of flags.yaml; a table of our own has a name and rows
  readonly rows?: readonly NameRow[];
  readonly form: NamesSource["form"];
  readonly between?: string;
  readonly emptyZero?: boolean;
  readonly positive?: string;
  value(f: FuncContext): Tree;
}

/** The table's names with their values; none for null or an unknown table. */
export function rowsOf(table: string | null): readonly NameRow[] {
  if (table === null) return [];
  return (TABLES[table]?.rows ?? []).map((row) => ({ ...row, name: printedName(table, row.name) }));
}

/** The errors as the wire has them, below 0. */
export const ERRNO_ROWS: readonly NameRow[] = rowsOf("errno")
  .filter((row) => row.name.startsWith("E"))
  .map((row) => ({ ...row, value: -row.value }));

/** Makes the source, and the way to its text. */
export function namesSource(program: Program, options: NamesOptions): NamesSource {
  const { key, scope, table, form, value } = options;
  const base = options.base === undefined ? {} : { base: options.base };
  const between = options.between ?? "|";
  const rows = options.rows ?? rowsOf(table);
  const positive = options.positive ?? null;
  const zero = options.emptyZero ? "" : form === "bits" ? ((table && TABLES[table]?.zero) ?? null) : null;
  const make = (f: FuncContext): Tree[] => {
    useText(f);
    const v = f.local("$v", "i64");
    const address = () => program.constant(`names ${table}`, () => program.data.names(rows));
    const put = (): Tree => {
      if (form === "char") return call("$put_byte", ["i32.wrap_i64", get(v)]);
      return form === "bits"
        ? call("$put_names", get(v), address(), between.charCodeAt(0))
        : call("$put_name", get(v), address());
    };
    let made: Tree[] = build(f, [put()]);
    const either = (condition: Tree, then: Tree[], otherwise: Tree[]): Tree[] => [
      ["if", null, condition, then, otherwise],
    ];
    if (zero !== null) made = either(["i64.eq", get(v), i64(0)], fixedText(f, program, zero), made);
    if (positive !== null) made = either(["i64.ge_s", get(v), i64(0)], fixedText(f, program, positive), made);
    return either(["i64.eq", tee(v, value(f)), i64(ABSENT)], noText(f), made);
  };
  const text = {
    kind: "text" as const,
    key: `${key} as text`,
    scope,
    ...base,
    cost: 15,
    vocabulary: `names ${table ?? form}`,
    cached: null,
    make,
  };
  return { kind: "names", key, scope, ...base, rows, form, zero, positive, value, text };
}
