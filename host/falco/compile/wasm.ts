// SPDX-License-Identifier: Apache-2.0
// A small assembler for WebAssembly: functions as trees in the folded text form, `["i32.add", a, b]`, and a
// module writer. It knows what this compiler emits and no more: i32 and i64, one memory (imported), globals
// that are exported constants, no tables.
//
//   tree   number | [op, ...operands]        a bare number is an i32.const
//   sym    ["sym", name]: an address that is known when the module is put together
//   names  of locals, functions and labels are text; a local is declared by its first `local.set`/`local.tee` in `locals`
//   block  ["block", label, type | null, ...body]    ["loop", label, type | null, ...body]
//   br     ["br", label, value?]
//   if     ["if", type | null, condition, then[], else[]]
import { createHash } from "node:crypto";
import { MEMORY_OPS, PLAIN_OPS } from "./opcodes.js";

/** An expression in the folded text form. */
export type Tree = number | bigint | string | null | Tree[];
/** The value types that this compiler uses. */
export type WasmType = "i32" | "i64" | "v128";

/** A function. Its locals may grow until the module is assembled. */
export interface Func {
  readonly name: string;
  readonly params: [string, WasmType][];
  result: WasmType | null;
  readonly locals: [string, WasmType][];
  readonly body: Tree[];
  readonly isExported?: boolean;
}

/** What a function does, whatever it and its locals are called: equal for equal code. */
export function codeOf({ params, result, locals, body }: Func): string {
  const places = new Map([...params, ...locals].map(([name], place) => [name, `local${place}`]));
  const types = [...params, ...locals].map(([, type]) => type);
  const parts: (string | number | bigint)[] = [params.length, types.join(), result ?? ""];
  const spell = (tree: Tree): void => {
    if (Array.isArray(tree)) {
      parts.push("(");
      for (const part of tree) spell(part);
      parts.push(")");
    } else if (tree !== null) parts.push((typeof tree === "string" ? places.get(tree) : undefined) ?? tree);
    else parts.push("-");
  };
  spell(body);
  return createHash("sha256").update(parts.join(" ")).digest("base64");
}

/** Everything that a module is put together from. */
export interface ModuleParts {
  readonly pagesMin: number;
  readonly pagesMax: number;
  readonly imports: { module: string; field: string; name: string; params: WasmType[]; result: WasmType | null }[];
  readonly funcs: Func[];
  readonly globals: { name: string; value: number }[]; // exported constants
  readonly data: { at: number; bytes: Uint8Array }[];
  readonly custom: { name: string; bytes: Uint8Array }[];
  readonly symbols: ReadonlyMap<string, number>; // what ["sym", name] stands for
}

const TYPES: Record<WasmType, number> = { i32: 0x7f, i64: 0x7e, v128: 0x7b };
const VOID = 0x40;

/** A growing buffer with WebAssembly's ways to write numbers (LEB128). */
export class Bytes {
  #buffer = new Uint8Array(1024);
  length = 0;

  byte(value: number): this {
    if (this.length === this.#buffer.length) this.#grow(1);
    this.#buffer[this.length++] = value;
    return this;
  }

  all(values: ArrayLike<number>): this {
    if (values.length === 1) return this.byte(values[0]!);
    if (this.length + values.length > this.#buffer.length) this.#grow(values.length);
    this.#buffer.set(values, this.length);
    this.length += values.length;
    return this;
  }

  uint(value: number): this {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.byte(rest);
  }

  /** A number of 32 bits with a sign. */
  int(value: number): this {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  sint(value: bigint): this {
    let rest = value;
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return this.byte(low);
      this.byte(low | 0x80);
    }
  }

  text(value: string): this {
    const bytes = Buffer.from(value, "utf8");
    return this.uint(bytes.length).all(bytes);
  }

  section(id: number, content: Bytes): this {
    return this.byte(id).uint(content.length).all(content.take());
  }

  take(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  #grow(more: number): void {
    const next = new Uint8Array(Math.max(this.#buffer.length * 2, this.length + more));
    next.set(this.#buffer);
    this.#buffer = next;
  }
}

/** The module's bytes. Throws an Error where two functions have one name or a name is not known. */
export function assemble(parts: ModuleParts): Uint8Array {
  const types: string[] = [];
  const typeOf = (params: WasmType[], result: WasmType | null) => {
    const key = `${params.join()}>${result ?? ""}`;
    const known = types.indexOf(key);
    return known >= 0 ? known : types.push(key) - 1;
  };
  const imported = parts.imports.map((f) => typeOf(f.params, f.result));
  const defined = parts.funcs.map((f) =>
    typeOf(
      f.params.map(([, type]) => type),
      f.result,
    ),
  );
  const indexOf = new Map<string, number>();
  for (const { name } of [...parts.imports, ...parts.funcs]) {
    if (indexOf.has(name)) throw new Error(`two functions are called ${name}`);
    indexOf.set(name, indexOf.size);
  }

  const out = new Bytes().all([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  out.section(
    1,
    vector(types, (b, key) => {
      const [params, result] = key.split(">");
      const list = params === "" ? [] : params!.split(",");
      b.byte(0x60)
        .uint(list.length)
        .all(list.map((t) => TYPES[t as WasmType]));
      b.all(result === "" ? [0] : [1, TYPES[result as WasmType]]);
    }),
  );
  const imports = new Bytes().uint(parts.imports.length + 1);
  imports.text("env").text("memory").byte(2).byte(1).uint(parts.pagesMin).uint(parts.pagesMax);
  for (const [i, f] of parts.imports.entries()) imports.text(f.module).text(f.field).byte(0).uint(imported[i]!);
  out.section(2, imports);
  out.section(
    3,
    vector(defined, (b, type) => b.uint(type)),
  );
  out.section(
    6,
    vector(parts.globals, (b, g) => b.all([0x7f, 0, 0x41]).int(g.value).byte(0x0b)),
  );
  const exported = parts.funcs.filter((f) => f.isExported);
  const exports = new Bytes().uint(exported.length + parts.globals.length);
  for (const f of exported) exports.text(f.name).byte(0).uint(indexOf.get(f.name)!);
  for (const [i, g] of parts.globals.entries()) exports.text(g.name).byte(3).uint(i);
  out.section(7, exports);
  out.section(
    10,
    vector(parts.funcs, (b, f) => {
      const body = new Encoder(f, indexOf, parts.symbols).run();
      b.uint(body.length).all(body.take());
    }),
  );
  out.section(
    11,
    vector(parts.data, (b, d) => b.all([0, 0x41]).int(d.at).byte(0x0b).uint(d.bytes.length).all(d.bytes)),
  );
  for (const { name, bytes } of parts.custom) out.section(0, new Bytes().text(name).all(bytes));
  return out.take().slice();
}

function vector<T>(items: readonly T[], write: (b: Bytes, item: T) => void): Bytes {
  const out = new Bytes().uint(items.length);
  for (const item of items) write(out, item);
  return out;
}

class Encoder {
  readonly #out = new Bytes();
  readonly #locals = new Map<string, number>();
  readonly #labels: string[] = [];
  readonly #func: Func;
  readonly #functions: Map<string, number>;
  readonly #symbols: ReadonlyMap<string, number>;

  constructor(func: Func, functions: Map<string, number>, symbols: ReadonlyMap<string, number>) {
    this.#func = func;
    this.#functions = functions;
    this.#symbols = symbols;
    for (const [name] of [...func.params, ...func.locals]) this.#locals.set(name, this.#locals.size);
  }

  run(): Bytes {
    const runs: [WasmType, number][] = [];
    for (const [, type] of this.#func.locals) {
      const last = runs.at(-1);
      if (last && last[0] === type) last[1]++;
      else runs.push([type, 1]);
    }
    this.#out.uint(runs.length);
    for (const [type, count] of runs) this.#out.uint(count).byte(TYPES[type]);
    this.#all(this.#func.body);
    this.#out.byte(0x0b);
    return this.#out;
  }

  // Those behind the first `skipped`.
  #all(trees: readonly Tree[], skipped = 0): void {
    for (let i = skipped; i < trees.length; i++) this.#tree(trees[i]!);
  }

  #tree(tree: Tree): void {
    if (typeof tree === "number") return void this.#out.byte(0x41).int(tree);
    if (!Array.isArray(tree)) throw this.#wrong(tree);
    const op = tree[0] as string;
    const plain = PLAIN_OPS.get(op);
    if (plain) {
      this.#all(tree, 1);
      return void this.#out.all(plain);
    }
    const access = MEMORY_OPS.get(op);
    if (access) {
      // ["i32.load", offset, address] and ["i32.store", offset, address, value]
      this.#all(tree, 2);
      return void this.#out
        .all(access[0])
        .uint(access[1])
        .uint(tree[1] as number);
    }
    const special = this.#special[op];
    if (!special) throw this.#wrong(tree);
    special(tree.slice(1));
  }

  readonly #special: Record<string, (rest: Tree[]) => void> = {
    sym: ([name]) => {
      const value = this.#symbols.get(name as string);
      if (value === undefined) throw this.#wrong(name ?? null);
      this.#tree(value);
    },
    "i64.const": ([value]) => this.#out.byte(0x42).sint(BigInt.asIntN(64, BigInt(value as bigint))),
    "local.get": ([name]) => this.#out.byte(0x20).uint(this.#local(name)),
    "local.set": ([name, value]) => this.#local1(0x21, name, value),
    "local.tee": ([name, value]) => this.#local1(0x22, name, value),
    call: ([name, ...args]) => {
      this.#all(args);
      const index = this.#functions.get(name as string);
      if (index === undefined) throw this.#wrong(name ?? null);
      this.#out.byte(0x10).uint(index);
    },
    block: ([label, type, ...body]) => this.#block(0x02, label, type, body),
    loop: ([label, type, ...body]) => this.#block(0x03, label, type, body),
    if: ([type, condition, then, otherwise]) => {
      this.#tree(condition!);
      this.#out.byte(0x04).byte(type ? TYPES[type as WasmType] : VOID);
      this.#labels.push("");
      this.#all(then as Tree[]);
      if (otherwise) {
        this.#out.byte(0x05);
        this.#all(otherwise as Tree[]);
      }
      this.#labels.pop();
      this.#out.byte(0x0b);
    },
    br: ([label, value]) => {
      if (value !== undefined) this.#tree(value);
      this.#out.byte(0x0c).uint(this.#label(label));
    },
    br_if: ([label, condition]) => {
      this.#tree(condition!);
      this.#out.byte(0x0d).uint(this.#label(label));
    },
    // ["br_table", [labels], default, index]
    br_table: ([labels, otherwise, index]) => {
      this.#tree(index!);
      const all = labels as string[];
      this.#out.byte(0x0e).uint(all.length);
      for (const label of [...all, otherwise]) this.#out.uint(this.#label(label));
    },
  };

  #block(code: number, label: Tree | undefined, type: Tree | undefined, body: Tree[]): void {
    this.#out.byte(code).byte(type ? TYPES[type as WasmType] : VOID);
    this.#labels.push(label as string);
    this.#all(body);
    this.#labels.pop();
    this.#out.byte(0x0b);
  }

  #local1(code: number, name: Tree | undefined, value: Tree | undefined): void {
    this.#tree(value!);
    this.#out.byte(code).uint(this.#local(name));
  }

  #local(name: Tree | undefined): number {
    const index = this.#locals.get(name as string);
    if (index === undefined) throw this.#wrong(name ?? null);
    return index;
  }

  #label(name: Tree | undefined): number {
    const depth = this.#labels.lastIndexOf(name as string);
    if (depth < 0) throw this.#wrong(name ?? null);
    return this.#labels.length - 1 - depth;
  }

  #wrong(what: Tree): Error {
    return new Error(
      `in ${this.#func.name}: ${JSON.stringify(what, (_, v) => (typeof v === "bigint" ? String(v) : v))}`,
    );
  }
}
