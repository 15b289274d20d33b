// SPDX-License-Identifier: Apache-2.0
//
// Modules that cost the compiler gigabytes: a function more in an honest one, made of bytes, since no
// assembler would write it.
import { ModuleReader } from "../../host/wasm/reader.js";

const FUNCTION = 3;
const CODE = 10;
/** i32.const 0, if, else, end: a place where control comes together. */
const JOIN = [0x41, 0, 0x04, 0x40, 0x05, 0x0b];
/** Behind it the stack may hold whatever a type wants. */
const UNREACHABLE = 0x00;
const END = 0x0b;

/** Many locals at many places: the attack on 0.1. */
export function joined(module: Uint8Array, locals: number, places: number): Uint8Array {
  return withBody(module, locals, repeated(JOIN, places));
}

/**
 * The same with values that wait on the stack in the place of locals: nothing that one can count by looking.
 */
export function stacked(module: Uint8Array, values: number, places: number): Uint8Array {
  return withBody(module, 0, [...repeated([0x41, 0], values), ...repeated(JOIN, places)]);
}

/** Blocks in blocks. */
export function nested(module: Uint8Array, depth: number): Uint8Array {
  return withBody(module, 0, [...repeated([0x02, 0x40], depth), ...repeated([END], depth)]);
}

/** One branch with so many targets. */
export function branching(module: Uint8Array, targets: number): Uint8Array {
  return withBody(module, 0, [0x02, 0x40, 0x41, 0, 0x0e, ...leb(targets), ...repeated([0], targets + 1), END]);
}

/** Many small functions. */
export function crowded(module: Uint8Array, functions: number): Uint8Array {
  const body = bodyOf(0, []);
  return withFunctions(
    module,
    Array.from({ length: functions }, () => body),
  );
}

function withBody(module: Uint8Array, locals: number, code: readonly number[]): Uint8Array {
  return withFunctions(module, [bodyOf(locals, code)]);
}

function bodyOf(locals: number, code: readonly number[]): Uint8Array {
  const body = [1, ...leb(locals), 0x7f, ...code, UNREACHABLE, END];
  return Buffer.concat([Buffer.from(leb(body.length)), Uint8Array.from(body)]);
}

/** The functions are of type 0, whatever that is: they end by `unreachable`. */
function withFunctions(module: Uint8Array, bodies: readonly Uint8Array[]): Uint8Array {
  const read = new ModuleReader(module, "costly");
  const parts: Uint8Array[] = [read.bytes(8)];
  while (!read.isDone) {
    const id = read.u8();
    const content = read.bytes(read.u32());
    const added = id === FUNCTION ? bodies.map(() => Uint8Array.of(0)) : id === CODE ? bodies : [];
    const grown = added.length === 0 ? content : appended(content, added);
    parts.push(Uint8Array.of(id), Uint8Array.from(leb(grown.length)), grown);
  }
  return Buffer.concat(parts);
}

function appended(content: Uint8Array, items: readonly Uint8Array[]): Uint8Array {
  const read = new ModuleReader(content, "costly");
  const count = read.count();
  return Buffer.concat([Uint8Array.from(leb(count + items.length)), read.rest(), ...items]);
}

function repeated(bytes: readonly number[], times: number): number[] {
  return Array.from({ length: times }, () => bytes).flat();
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest > 0 ? low | 0x80 : low);
    if (rest === 0) return bytes;
  }
}
