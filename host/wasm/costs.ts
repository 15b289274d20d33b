// SPDX-License-Identifier: Apache-2.0
// What a module may cost the compiler, read from its bytes before the compiler sees them. V8 keeps every
// local of a function at every place where control comes together: some 28 bytes for each (measured on Node
// 20, both compilers). 49,000 locals in 90,000 blocks, which fit into a megabyte, so took 6 GiB. The bounds
// lie far above what honest compilers make: beside each stands the most that the pack's policies have, and
// Falco's rules as one module (of 380 kB). What they cannot see, such as values that wait on the stack, is
// found when the module is compiled for the first time, in a process with little memory
// (host/policy/trial-child.ts).
import { readInstruction } from "./instructions.js";
import type { ModuleReader } from "./reader.js";

interface Bounds {
  readonly types: number;
  readonly functions: number;
  readonly segments: number;
  /** Locals times places where control comes together, in all functions. */
  readonly joins: number;
}
/**
 * Of a whole module. pack, Falco: 16, 24 70, 184 72, 1 4,536, 346,775
 */
const MODULE: Bounds = { types: 1_000, functions: 10_000, segments: 10_000, joins: 20_000_000 };
/** Of what is made here from the operator's own rule files: 100,000 entries in lists make 1,401 functions. */
const WIDE: Bounds = { types: 1_000, functions: 1_000_000, segments: 10_000, joins: Number.POSITIVE_INFINITY };
/** Of a type.                           pack, Falco: 6, 5    1, 1 */
const TYPE = { parameters: 100, results: 1 };
/**
 * Of a function. pack, Falco: 791, 29,826 16, 63 11, 45 10, 180 425, 111,744
 */
const FUNCTION = { bytes: 512 << 10, locals: 2_000, nesting: 500, targets: 20_000, joins: 2_000_000 };

const BLOCK = 0x02;
const IF = 0x04;
const ELSE = 0x05;
const END = 0x0b;
const BR_TABLE = 0x0e;

/** Counts while the sections are read; refuses what is beyond a bound, by its name. */
export class Costs {
  readonly #read: ModuleReader;
  readonly #bounds: Bounds;
  #joins = 0;

  constructor(read: ModuleReader, isWide: boolean) {
    this.#read = read;
    this.#bounds = isWide ? WIDE : MODULE;
  }

  /** Reads a vector of which there may be so many. */
  each(what: keyof Omit<Bounds, "joins">, read: (index: number) => unknown): number {
    const offset = this.#read.at;
    const count = this.#read.count();
    this.#hold(`it has ${count} ${what}`, count, this.#bounds[what], offset);
    for (let i = 0; i < count; i++) read(i);
    return count;
  }

  type(what: keyof typeof TYPE, count: number): void {
    this.#hold(`a type has ${count} ${what}`, count, TYPE[what]);
  }

  /** Reads a function's body. */
  body(parameters: number): void {
    const offset = this.#read.at;
    const size = this.#read.u32();
    this.#hold(`a function has ${size} bytes`, size, FUNCTION.bytes, offset);
    this.#joins += this.#read.within(size, () => this.#bodyJoins(parameters));
    this.#hold(`its functions join ${this.#joins} locals`, this.#joins, this.#bounds.joins, offset);
  }

  #bodyJoins(parameters: number): number {
    const read = this.#read;
    const offset = read.at;
    let locals = parameters;
    read.each(() => {
      locals += read.u32();
      read.u8();
    });
    this.#hold(`a function has ${locals} locals`, locals, FUNCTION.locals, offset);
    let places = 1;
    let depth = 1;
    let targets = 0;
    while (!read.isDone) {
      const before = read.at;
      const opcode = readInstruction(read);
      if (opcode >= BLOCK && opcode <= IF) depth++;
      else if (opcode === END) depth--;
      else if (opcode === BR_TABLE) targets += read.at - before; // a byte at least for each
      if (opcode >= BLOCK && opcode <= ELSE) places++;
      // A module has a million instructions: sentences are made for the one that is beyond a bound.
      if (depth > FUNCTION.nesting || targets > FUNCTION.targets) {
        this.#hold(`a function nests ${depth} blocks`, depth, FUNCTION.nesting, before);
        this.#hold(`the tables of a function have ${targets} targets`, targets, FUNCTION.targets, before);
      }
    }
    const joins = (places + targets) * (locals + 1);
    this.#hold(
      `a function joins ${locals} locals at ${places + targets} places: ${joins}`,
      joins,
      FUNCTION.joins,
      offset,
    );
    return joins;
  }

  #hold(what: string, count: number, most: number, offset = this.#read.at): void {
    if (count > most) this.#read.refuse("VEDETTE_MODULE_COSTLY", `${what}, and ${most} may be`, offset);
  }
}
