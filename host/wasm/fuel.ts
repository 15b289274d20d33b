// SPDX-License-Identifier: Apache-2.0
// Makes a module count its instructions: a cost that is the same on every machine and in every run. Straight
// stretches of code are counted as one: a stretch ends where control can come from or go to elsewhere (loop,
// if, else, end, br_if), and at the head of each the counter grows by the number of its instructions. The
// counter is a global i64 behind all others, exported as `vedette_fuel`, so no index moves. It slows a policy
// by a fifth or so, and serves measuring only: the watchdog protects.
//
//   head of a stretch:  global.get $fuel  i64.const N  i64.add  global.set $fuel
import { appended, exportedGlobal, leb, rewritten } from "./edit.js";
import { readInstruction } from "./instructions.js";
import { ModuleReader } from "./reader.js";
import { readSections } from "./sections.js";

/** Name of the exported counter. It grows by one for each instruction. */
export const FUEL_EXPORT = "vedette_fuel";

const GLOBAL = 6;
const EXPORT = 7;
const CODE = 10;
/** loop, if, else, end, br_if. */
const ENDS_STRETCH = new Set([0x03, 0x04, 0x05, 0x0b, 0x0d]);

/** The module with a counter. The bytes must have been admitted. */
export function addFuel(module: Uint8Array, path: string): Uint8Array<ArrayBuffer> {
  const fuel = readSections(module, path).globals.length;
  return rewritten(module, path, (id, content) => changed(id, content, fuel, path));
}

function changed(id: number, content: Uint8Array, fuel: number, path: string): Uint8Array {
  if (id === GLOBAL) return appended(content, Buffer.from([0x7e, 1, 0x42, 0, 0x0b]), path); // (mut i64) (i64.const 0)
  if (id === EXPORT) return appended(content, exportedGlobal(FUEL_EXPORT, fuel), path);
  if (id === CODE) return countedCode(content, fuel, path);
  return content;
}

function countedCode(content: Uint8Array, fuel: number, path: string): Uint8Array {
  const read = new ModuleReader(content, path);
  const bodies = read.list(() => countedBody(read.bytes(read.u32()), fuel, path));
  return Buffer.concat([leb(bodies.length), ...bodies.flatMap((body) => [leb(body.length), body])]);
}

function countedBody(body: Uint8Array, fuel: number, path: string): Uint8Array {
  const read = new ModuleReader(body, path);
  read.each(() => [read.u32(), read.u8()]); // locals
  const parts: Uint8Array[] = [body.subarray(0, read.at)];
  while (!read.isDone) {
    const begin = read.at;
    let count = 0;
    for (let opcode = -1; !read.isDone && !ENDS_STRETCH.has(opcode); count++) opcode = readInstruction(read);
    parts.push(counter(fuel, count), body.subarray(begin, read.at));
  }
  return Buffer.concat(parts);
}

function counter(fuel: number, count: number): Uint8Array {
  return Buffer.concat([
    Buffer.from([0x23]),
    leb(fuel),
    Buffer.from([0x42]),
    signedLeb(count),
    Buffer.from([0x7c, 0x24]),
    leb(fuel),
  ]);
}

/** Of a number that is not negative: its highest bit must stay clear. */
function signedLeb(value: number): Buffer {
  const bytes = leb(value);
  const last = bytes.length - 1;
  if (((bytes[last] as number) & 0x40) === 0) return bytes;
  bytes[last] = (bytes[last] as number) | 0x80;
  return Buffer.concat([bytes, Buffer.from([0])]);
}
