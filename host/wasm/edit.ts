// SPDX-License-Identifier: Apache-2.0
// The bytes of a module that is changed after it was admitted: sections, vectors with one item more, numbers.
import { ModuleReader } from "./reader.js";

/** Of what is exported. */
const GLOBAL_KIND = 3;

/** A vector with one item more. */
export function appended(content: Uint8Array, item: Uint8Array, path: string): Uint8Array {
  const read = new ModuleReader(content, path);
  const count = read.count();
  return Buffer.concat([leb(count + 1), read.rest(), item]);
}

/** The module with sections that `change` makes of those that it has. */
export function rewritten(
  module: Uint8Array,
  path: string,
  change: (id: number, content: Uint8Array) => Uint8Array,
): Uint8Array<ArrayBuffer> {
  const read = new ModuleReader(module, path);
  const parts: Uint8Array[] = [read.bytes(8)];
  while (!read.isDone) {
    const id = read.u8();
    parts.push(section(id, change(id, read.bytes(read.u32()))));
  }
  return Uint8Array.from(Buffer.concat(parts));
}

/** An item of the exports: a global. */
export function exportedGlobal(name: string, index: number): Uint8Array {
  const text = Buffer.from(name);
  return Buffer.concat([leb(text.length), text, Buffer.from([GLOBAL_KIND]), leb(index)]);
}

/** A section of a module. */
function section(id: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([id]), leb(content.length), content]);
}

/** A number as modules have it. */
export function leb(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}
