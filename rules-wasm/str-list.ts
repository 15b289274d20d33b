// SPDX-License-Identifier: Apache-2.0
// A list of texts of an event (arguments, environment), where it stands: texts one after another, each ended
// by NUL. `contains` and the like see it as Falco prints it: joined by blanks.
import { spanAddress, spanExists, spanOf, spanSize, textMemory } from "./wire/frame";
import { keepText, LIST_ALONE, madeText } from "./wire/made-texts";
import { Str } from "./str";
import { StringSet } from "./string-set";
import { find, isSame } from "./text";

/** A list of texts of an event. It is good until the batch is judged. */
// @ts-ignore: decorator
@unmanaged @final
export class StrList {
  // @ts-ignore: decorator
  @inline get exists(): bool { return spanExists(changetype<usize>(this)); }

  get length(): i32 {
    const begin = spanAddress(changetype<usize>(this)), end = begin + spanSize(changetype<usize>(this));
    let count = 0;
    for (let at = begin; at < end; at = textEnd(at, end) + 1) count++;
    return count;
  }

  /** Text `index`; empty beyond the end. */
  at(index: i32): Str {
    const begin = spanAddress(changetype<usize>(this)), end = begin + spanSize(changetype<usize>(this));
    for (let at = begin; at < end; index--) {
      const stop = textEnd(at, end);
      if (index == 0) return changetype<Str>(spanOf(at, <u32>(stop - at)));
      at = stop + 1;
    }
    return changetype<Str>(spanOf(end, 0));
  }

  /** Whether one of the texts is exactly `text`. */
  has(text: string): bool {
    const begin = spanAddress(changetype<usize>(this)), end = begin + spanSize(changetype<usize>(this));
    for (let at = begin; at < end; ) {
      const stop = textEnd(at, end);
      if (isSame(at, <u32>(stop - at), text)) return true;
      at = stop + 1;
    }
    return false;
  }

  /** Whether one of the texts is in the set. */
  hasAny(set: StringSet): bool {
    const begin = spanAddress(changetype<usize>(this)), end = begin + spanSize(changetype<usize>(this));
    for (let at = begin; at < end; ) {
      const stop = textEnd(at, end);
      if (set.hasBytes(at, <u32>(stop - at))) return true;
      at = stop + 1;
    }
    return false;
  }

  /** Whether `text` stands in the list as it is printed: joined by blanks. */
  contains(text: string): bool {
    return find(spanAddress(changetype<usize>(this)), spanSize(changetype<usize>(this)), text, 0) >= 0;
  }

  /** The list joined by blanks. It is put together once a batch. */
  get joined(): Str {
    const list = load<u64>(changetype<usize>(this)), made = madeText(LIST_ALONE, list);
    return changetype<Str>(made != 0 ? made : keepText(LIST_ALONE, list, this.join()));
  }

  private join(): usize {
    const copy = textMemory(spanSize(changetype<usize>(this)));
    return spanOf(copy, joinInto(copy, changetype<usize>(this)));
  }
}

/**
 * Writes the texts of the list at `list` joined by blanks; gives the bytes written. `to` has room for all of
 * its span.
 */
export function joinInto(to: usize, list: usize): u32 {
  const size = spanSize(list);
  memory.copy(to, spanAddress(list), size);
  for (let i: u32 = 0; i < size; i++) if (load<u8>(to + i) == 0) store<u8>(to + i, 0x20);
  return size > 0 && load<u8>(spanAddress(list) + size - 1) == 0 ? size - 1 : size;
}

function textEnd(at: usize, end: usize): usize {
  while (at < end && load<u8>(at) != 0) at++;
  return at;
}
