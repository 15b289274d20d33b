// SPDX-License-Identifier: Apache-2.0
// Bytes of a module, read forward. Whatever a module says of itself is checked against the bytes that are
// there before anything is made of it: a count cannot be larger than what follows, so a module of 40 bytes
// cannot ask for a million of anything. A refusal knows the section and the offset.
import { type ErrorCode, VedetteError } from "../errors.js";

const TEXT = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads forward. Each method throws VEDETTE_MODULE_CORRUPT, with section and offset, where the bytes do not
 * suffice.
 */
export class ModuleReader {
  readonly #bytes: Uint8Array;
  readonly #path: string;
  #at = 0;
  #end: number;
  /** The section that is being read, for messages. */
  section = "header";

  constructor(bytes: Uint8Array, path: string) {
    this.#bytes = bytes;
    this.#path = path;
    this.#end = bytes.length;
  }

  get at(): number {
    return this.#at;
  }

  get isDone(): boolean {
    return this.#at >= this.#end;
  }

  /** Reads the next `size` bytes with `read`, which must use them all. */
  within<T>(size: number, read: () => T): T {
    const outer = this.#end;
    this.#need(size);
    this.#end = this.#at + size;
    const value = read();
    if (this.#at !== this.#end) this.corrupt(`${this.#end - this.#at} bytes are left over`);
    this.#end = outer;
    return value;
  }

  u8(): number {
    this.#need(1);
    return this.#bytes[this.#at++] as number;
  }

  u32le(): number {
    this.#need(4);
    const at = this.#at;
    this.#at += 4;
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 4).getUint32(0, true);
  }

  /** LEB128, at most five bytes and 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value > 0xffffffff ? this.corrupt("an integer is longer than 32 bits") : value;
    }
    return this.corrupt("an integer is longer than 32 bits");
  }

  /** Signed LEB128 of 32 bits. */
  i32(): number {
    let value = 0n;
    for (let shift = 0n; shift < 35n; shift += 7n) {
      const byte = BigInt(this.u8());
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return Number(BigInt.asIntN(32, (byte & 0x40n) !== 0n ? value | (-1n << (shift + 7n)) : value));
    }
    return this.corrupt("an integer is longer than 32 bits");
  }

  /** How many things follow; each takes at least one byte. */
  count(): number {
    const count = this.u32();
    if (count > this.#end - this.#at) this.corrupt(`${count} items cannot follow`);
    return count;
  }

  /** Reads a vector with `read` for each item; gives how many there were. */
  each(read: () => unknown): number {
    const count = this.count();
    for (let i = 0; i < count; i++) read();
    return count;
  }

  /** Reads a vector with `read` for each item. */
  list<T>(read: (index: number) => T): T[] {
    const count = this.count();
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read(i));
    return items;
  }

  bytes(size: number): Uint8Array {
    this.#need(size);
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  rest(): Uint8Array {
    return this.bytes(this.#end - this.#at);
  }

  name(): string {
    const bytes = this.bytes(this.count());
    try {
      return TEXT.decode(bytes);
    } catch {
      return this.corrupt("a name is not UTF-8");
    }
  }

  corrupt(reason: string): never {
    return this.refuse("VEDETTE_MODULE_CORRUPT", reason);
  }

  refuse(code: ErrorCode, reason: string, offset: number = this.#at): never {
    throw new VedetteError(code, { path: this.#path, reason, section: `${this.section} section`, offset });
  }

  #need(size: number): void {
    if (size > this.#end - this.#at) this.corrupt("it ends in the middle");
  }
}
