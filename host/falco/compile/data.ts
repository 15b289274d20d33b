// SPDX-License-Identifier: Apache-2.0
// The constants of a compiled policy: texts (each once), tables, dictionaries. Addresses are final when they
// are given out.
import type { MatchTable, SearchTable } from "./automaton.js";
import { CONSTANTS } from "./layout.js";
import { Bytes } from "./wasm.js";

/** Collects the constants behind the address CONSTANTS. Equal texts are stored once. */
export class Data {
  readonly #bytes = new Bytes();
  readonly #texts = new Map<string, number>();

  get end(): number {
    return CONSTANTS + this.#bytes.length;
  }

  get content(): Uint8Array {
    return this.#bytes.take();
  }

  /** The address of a byte string. */
  text(value: string): number {
    const known = this.#texts.get(value);
    if (known !== undefined) return known;
    const at = this.end;
    this.#bytes.all(Buffer.from(value, "latin1"));
    this.#texts.set(value, at);
    return at;
  }

  place(bytes: Uint8Array, align = 8): number {
    while (this.end % align !== 0) this.#bytes.byte(0);
    const at = this.end;
    this.#bytes.all(bytes);
    return at;
  }

  /**
   * u32 classes, u32 start, u32 accepting, u32 0; 256 classes; u16 steps, each already multiplied by the
   * row's length when it fits
   */
  match(table: MatchTable): number {
    const head = Uint32Array.of(table.classes, table.start, table.accepting, 0);
    return this.place(join(new Uint8Array(head.buffer), table.classOf, bytesOf(table.next)));
  }

  /** u32 classes, u32 offset of the steps; 256 classes; u64 found by state; u16 steps */
  search(table: SearchTable): number {
    const head = Uint32Array.of(table.classes, 8 + 256 + table.found.byteLength);
    return this.place(join(bytesOf(head), table.classOf, bytesOf(table.found), bytesOf(table.next)));
  }

  /** Names of values: u32 count, u32 0; entries of 24 bytes: i64 mask, i64 value, u32 name, u32 size */
  names(rows: readonly { value: bigint; mask: bigint; name: string }[]): number {
    const out = new DataView(new ArrayBuffer(8 + rows.length * 24));
    out.setUint32(0, rows.length, true);
    rows.forEach((row, i) => {
      const at = 8 + i * 24;
      out.setBigUint64(at, BigInt.asUintN(64, row.mask), true);
      out.setBigUint64(at + 8, BigInt.asUintN(64, row.value), true);
      out.setUint32(at + 16, this.text(row.name), true);
      out.setUint32(at + 20, row.name.length, true);
    });
    return this.place(new Uint8Array(out.buffer));
  }
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
