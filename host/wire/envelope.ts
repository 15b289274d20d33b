// SPDX-License-Identifier: Apache-2.0
// The little of msgpack that an envelope uses, read strictly: one array of strings, unsigned integers,
// binaries and arrays of integers. A general decoder would build what it is told to build; this one takes
// only what docs/wire.md draws, checks each length before it looks further, and gives views, never copies.
// The C++ side has its twin in capture/addon/envelope.h.
import { VedetteError } from "../errors.js";

/**
 * Reads forward through one frame. Each method throws VEDETTE_BATCH_CORRUPT where the next element is of
 * another kind or longer than the bytes that are left.
 */
export class EnvelopeReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The length of an array; its elements follow. */
  array(): number {
    const tag = this.#u8();
    if ((tag & 0xf0) === 0x90) return tag & 0x0f;
    if (tag === 0xdc) return this.#u16();
    if (tag === 0xdd) return this.#u32();
    return this.#refuse("an array", tag);
  }

  text(): string {
    const tag = this.#u8();
    const size =
      (tag & 0xe0) === 0xa0
        ? tag & 0x1f
        : tag === 0xd9
          ? this.#u8()
          : tag === 0xda
            ? this.#u16()
            : this.#refuse("a text", tag);
    return String.fromCharCode(...this.#take(size));
  }

  /** A view of a binary of at most `most` bytes. */
  bin(most: number): Uint8Array {
    const tag = this.#u8();
    const size =
      tag === 0xc4 ? this.#u8() : tag === 0xc5 ? this.#u16() : tag === 0xc6 ? this.#u32() : this.#refuse("bytes", tag);
    if (size > most) this.refuse(`a section of ${size} bytes is longer than ${most}`);
    return this.#take(size);
  }

  /** An unsigned integer that a number holds exactly. */
  uint(): number {
    const value = this.uint64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.refuse(`${value} is too large for a count`);
    return Number(value);
  }

  /**
   * An unsigned integer in any width that msgpack has; signed forms and whole doubles are what other writers
   * use for them.
   */
  uint64(): bigint {
    const tag = this.#u8();
    if (tag < 0x80) return BigInt(tag);
    switch (tag) {
      case 0xcc:
        return BigInt(this.#u8());
      case 0xcd:
        return BigInt(this.#u16());
      case 0xce:
        return BigInt(this.#u32());
      case 0xcf:
        return this.#view.getBigUint64(this.#skip(8));
      case 0xd0:
        return this.#positive(BigInt(this.#view.getInt8(this.#skip(1))));
      case 0xd1:
        return this.#positive(BigInt(this.#view.getInt16(this.#skip(2))));
      case 0xd2:
        return this.#positive(BigInt(this.#view.getInt32(this.#skip(4))));
      case 0xd3:
        return this.#positive(this.#view.getBigInt64(this.#skip(8)));
      case 0xcb:
        return this.#whole(this.#view.getFloat64(this.#skip(8)));
      default:
        return this.#refuse("an unsigned integer", tag);
    }
  }

  /** An array of at most `most` unsigned integers. */
  uints(most: number): number[] {
    const length = this.array();
    if (length > most) this.refuse(`a list of ${length} is longer than ${most}`);
    return Array.from({ length }, () => this.uint());
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#at !== this.#bytes.length) this.refuse(`${this.#bytes.length - this.#at} bytes follow its end`);
  }

  refuse(reason: string): never {
    return corrupt(reason, this.#at);
  }

  #positive(value: bigint): bigint {
    return value >= 0n ? value : this.refuse(`${value} is negative`);
  }

  #whole(value: number): bigint {
    return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : this.refuse(`${value} is not a whole number`);
  }

  #take(size: number): Uint8Array {
    const at = this.#skip(size);
    return this.#bytes.subarray(at, at + size);
  }

  #u8(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  #u16(): number {
    return this.#view.getUint16(this.#skip(2));
  }

  #u32(): number {
    return this.#view.getUint32(this.#skip(4));
  }

  #skip(size: number): number {
    const at = this.#at;
    if (size > this.#bytes.length - at) this.refuse(`it ends at byte ${this.#bytes.length}, in the middle of a value`);
    this.#at = at + size;
    return at;
  }

  #refuse(wanted: string, tag: number): never {
    return this.refuse(`0x${tag.toString(16)} stands where ${wanted} should begin`);
  }
}

/** `offset` counts from the frame's first byte; the source is said when the envelope has told it. */
export function corrupt(reason: string, offset: number, source?: Uint8Array): never {
  throw new VedetteError("VEDETTE_BATCH_CORRUPT", {
    reason,
    offset,
    source: source === undefined ? "unknown" : Buffer.from(source).toString("hex"),
  });
}
