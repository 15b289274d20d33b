// SPDX-License-Identifier: Apache-2.0
// Text of an event, where it stands. A Str is the address of a span (offset u32, size u32) in the frame:
// reading one makes nothing and copies nothing. It is good until the batch is judged; keep `toString()` or a
// hash, never the Str. A field without a value is an empty Str; `exists` tells the two apart. Everything is
// by bytes, and case matters. `name == "sh"` and `a == b` mean equals() and same(): the compiler's transform
// makes them so (transform/equals.js).
import { spanAddress, spanExists, spanOf, spanSize } from "./wire/frame";
import { globMatches } from "./glob";
import { beginsWith, find, isSame, utf8Size, writeUtf8 } from "./text";

const SLASH: u32 = 0x2f;

/** A text of an event. It is good until the batch is judged: toString() makes a copy of it. */
// @ts-ignore: decorator
@unmanaged @final
export class Str {
  /** Whether the field has a value at all. */
  // @ts-ignore: decorator
  @inline get exists(): bool { return spanExists(changetype<usize>(this)); }
  /** Bytes. */
  // @ts-ignore: decorator
  @inline get size(): u32 { return spanSize(changetype<usize>(this)); }
  // @ts-ignore: decorator
  @inline get isEmpty(): bool { return this.size == 0; }
  /** Where the bytes stand. */
  // @ts-ignore: decorator
  @inline get address(): usize { return spanAddress(changetype<usize>(this)); }

  equals(text: string): bool {
    return isSame(this.address, this.size, text);
  }

  /** Whether both hold the same bytes. */
  same(other: Str): bool {
    const size = this.size;
    return size == other.size && memory.compare(this.address, other.address, size) == 0;
  }

  startsWith(text: string): bool {
    return beginsWith(this.address, this.size, text);
  }

  endsWith(text: string): bool {
    const size = this.size, wanted = utf8Size(text);
    return wanted <= size && beginsWith(this.address + (size - wanted), wanted, text);
  }

  contains(text: string): bool {
    return find(this.address, this.size, text, 0x20) >= 0;
  }

  /** At which byte the text first stands; -1: nowhere. */
  indexOf(text: string): i32 {
    return find(this.address, this.size, text, 0x20);
  }

  /** Whether all of it matches; a Glob made once at the top of the policy is faster. */
  glob(pattern: string): bool {
    const size = utf8Size(pattern), copy = heap.alloc(size);
    writeUtf8(pattern, copy);
    const matches = globMatches(copy, size, this.address, this.size);
    heap.free(copy);
    return matches;
  }

  /** Byte `index`, or -1 beyond the end. */
  at(index: u32): i32 {
    return index < this.size ? <i32>load<u8>(this.address + index) : -1;
  }

  /** The part from byte `from` up to but not including `to`. */
  slice(from: u32, to: u32 = u32.MAX_VALUE): Str {
    const end = min(to, this.size), begin = min(from, end);
    return changetype<Str>(spanOf(this.address + begin, end - begin));
  }

  /** After the last slash. */
  get basename(): Str {
    return this.slice(this.lastSlash + 1);
  }

  /** Before the last slash; "/" for what stands in the root. */
  get dirname(): Str {
    const slash = this.lastSlash;
    return slash < 0 ? this.slice(0, 0) : this.slice(0, max(slash, 1));
  }

  /** A string of its own: for text that goes into an alert, not for comparing. */
  toString(): string {
    return String.UTF8.decodeUnsafe(this.address, this.size);
  }

  private get lastSlash(): i32 {
    const at = this.address;
    let i = <i32>this.size - 1;
    while (i >= 0 && <u32>load<u8>(at + i) != SLASH) i--;
    return i;
  }
}
