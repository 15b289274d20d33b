// SPDX-License-Identifier: Apache-2.0
// A function while it is being made: its locals, and how the code in it reaches the record, the process, its
// parent and the descriptor.
import { PROCESS_AT } from "../../wire/layout.js";
import type { Func, Tree, WasmType } from "./wasm.js";

/**
 * Whose field is asked for: the process itself, its parent, the leader of its session or group, an ancestor
 * by number, or the ancestor a loop has come to.
 */
export type Base = "self" | "parent" | "sid" | "pgid" | "each" | number;

/**
 * What a part of a judging function is given: the record, its index, process, cached process and descriptor.
 */
export const PART_PARAMS = ["$rec", "$index", "$p", "$pc", "$d"];

/** One function. Its locals are declared as they are asked for. */
export class FuncContext {
  readonly #locals = new Map<string, WasmType>();
  readonly before: Tree[] = []; // what the function does first
  readonly #prepared = new Set<string>();
  #next = 0;

  // `params` names what the function is given: $rec and $index (an event), $p and $pc (a process).
  // `isOfOne`: the function gets one process and works on that one, whichever process the field asks for.
  // `event`: the number of the event's type, where the function is about an event.
  readonly #isOfOne: boolean;
  // Of which function this is a part.
  readonly #whole: FuncContext | null;

  constructor(
    readonly name: string,
    readonly params: [string, WasmType][],
    isOfOne = false,
    readonly event: number | null = null,
    whole: FuncContext | null = null,
  ) {
    this.#isOfOne = isOfOne;
    this.#whole = whole;
  }

  /** A function about an event of one type. */
  static ofEvent(name: string, params: string[], event: number | null): FuncContext {
    const typed = params.map((param): [string, WasmType] => [param, "i32"]);
    return new FuncContext(name, typed, false, event);
  }

  /** A part of the function that judges an event, with all that it was given and found. */
  part(name: string): FuncContext {
    const params = PART_PARAMS.map((param): [string, WasmType] => [param, "i32"]);
    return new FuncContext(name, params, false, this.event, this.#whole ?? this);
  }

  /** Done before anything else about the event, by the whole function. */
  prepareEvent(key: string, make: () => Tree[]): void {
    (this.#whole ?? this).prepare(key, make);
  }

  /** A function about one process. */
  static ofProcess(name: string, isOfOne = false): FuncContext {
    return new FuncContext(
      name,
      [
        ["$p", "i32"],
        ["$pc", "i32"],
      ],
      isOfOne,
    );
  }

  /** Whether this is the function that judges an event, and not one that it calls. */
  get isEvent(): boolean {
    return this.params.some(([name]) => name === "$index");
  }

  local(name: string, type: WasmType = "i32"): string {
    this.#locals.set(name, type);
    return name;
  }

  label(): string {
    return `$l${this.#next++}`;
  }

  /** Emitted once, at the function's start. */
  prepare(key: string, make: () => Tree[]): void {
    if (this.#prepared.has(key)) return;
    this.#prepared.add(key);
    this.before.push(...make());
  }

  /** The address of a process's entry, and of what is kept about it. */
  process(base: Base): { entry: Tree; cache: Tree } {
    if (base === "self" || this.#isOfOne) return { entry: get("$p"), cache: get("$pc") };
    if (base === "each") return { entry: get("$a"), cache: get("$ac") };
    const [entry, cache] = [this.local(`$p_${base}`), this.local(`$pc_${base}`)];
    this.prepare(`process ${base}`, () => [set(entry, this.#find(base)), set(cache, call("$cache", get(entry)))]);
    return { entry: get(entry), cache: get(cache) };
  }

  #find(base: Exclude<Base, "self" | "each">): Tree {
    if (base === "parent") return call("$parent", get("$p"));
    if (typeof base === "number") return call("$ancestor", get("$p"), base);
    return call("$leader", get("$p"), ["i64.load", PROCESS_AT[base]!, get("$p")]);
  }

  done(body: Tree[], result: WasmType | null, isExported = false): Func {
    const { name, params } = this;
    return { name, params, result, locals: [...this.#locals], body: [...this.before, ...body], isExported };
  }
}

/** Reads a local. */
export function get(name: string): Tree {
  return ["local.get", name];
}

/** Writes a local. */
export function set(name: string, value: Tree): Tree {
  return ["local.set", name, value];
}

/** Writes a local and leaves the value. */
export function tee(name: string, value: Tree): Tree {
  return ["local.tee", name, value];
}

/** Calls a function of this module. */
export function call(name: string, ...args: Tree[]): Tree {
  return ["call", name, ...args];
}

/** An address that is known when the module is put together. */
export function sym(name: string): Tree {
  return ["sym", name];
}

/** An i64 constant. */
export function i64(value: bigint | number): Tree {
  return ["i64.const", BigInt(value)];
}

/** Bitwise and of two i32, which are truths mostly. */
export function and(a: Tree, b: Tree): Tree {
  return ["i32.and", a, b];
}

/** Loads an i32. `offset` is in bytes. */
export function load(address: Tree, offset = 0): Tree {
  return ["i32.load", offset, address];
}

/** Loads an i64. `offset` is in bytes. */
export function load64(address: Tree, offset = 0): Tree {
  return ["i64.load", offset, address];
}

/** Without a jump: both values are computed. */
export function select(whenTrue: Tree, whenFalse: Tree, condition: Tree): Tree {
  return ["select", whenTrue, whenFalse, condition];
}
