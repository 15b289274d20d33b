// SPDX-License-Identifier: Apache-2.0
// The bytes of a module that is changed after it was admitted: sections, vectors with one item more, numbers.
import { ModuleReader } from "./reader.js";

/** A vector with one item more. */
export function appended(content: Uint8Array, item: Uint8Array, path: string): Uint8Array {
  const read = new ModuleReader(content, path);
  const count = read.count();
  return Buffer.concat([leb(count + 1), read.rest(), item]);
}

/** A section of a module. */
export function section(id: number, content: Uint8Array): Uint8Array {
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
