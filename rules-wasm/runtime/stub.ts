// SPDX-License-Identifier: Apache-2.0
// The runtime of a policy: it takes the place of AssemblyScript's `stub`, and gives memory out in two
// regions.
//
//   | frame | static data | settled: made during init, kept for ever | arena: made while judging a batch, emptied after it |
//
// `settle()` draws the border when init is done; `empty()` throws the arena away. So a policy never grows
// while it runs, and nothing is collected. The price is one rule: what was made while judging cannot be kept.
// `__link` watches the stores of managed values into managed ones, and stops a policy that breaks it; the
// compiler's lint watches globals. Nothing is zeroed here: the standard library does that itself under
// `stub`.
import { AL_MASK, OBJECT, OBJECT_OVERHEAD, BLOCK_MAXSIZE, BLOCK_OVERHEAD, BLOCK, OBJECT_MAXSIZE } from "rt/common";
import { E_ALLOCATION_TOO_LARGE } from "util/error";

// @ts-ignore: decorator
@lazy let top: usize = ((__heap_base + BLOCK_OVERHEAD + AL_MASK) & ~AL_MASK) - BLOCK_OVERHEAD;
// @ts-ignore: decorator
@lazy let border: usize = 0; // 0: init still runs

/** Init is over: what exists now is kept. */
// @ts-ignore: decorator
@global @unsafe
export function __vedette_settle(): void {
  border = top;
}

/** The batch is judged: what was made for it is gone. */
// @ts-ignore: decorator
@global @unsafe
export function __vedette_empty(): void {
  top = border;
}

function reach(end: usize): void {
  const have = <usize>memory.size() << 16;
  if (end > have) {
    const needed = <i32>((end - have + 0xffff) >>> 16);
    // Double when the host's maximum allows it, else just what is needed: growing detaches the host's views.
    if (memory.grow(max(memory.size(), needed)) < 0 && memory.grow(needed) < 0) {
      throw new Error("out of memory: the policy reached its limit");
    }
  }
  top = end;
}

// @ts-ignore: decorator
@inline function payload(size: usize): usize {
  return ((size + BLOCK_OVERHEAD + AL_MASK) & ~AL_MASK) - BLOCK_OVERHEAD;
}

/** Gives `size` bytes at the top of the arena, or of the settled region during init. Never zeroed. */
// @ts-ignore: decorator
@unsafe @global
export function __alloc(size: usize): usize {
  if (size > BLOCK_MAXSIZE) throw new Error(E_ALLOCATION_TOO_LARGE);
  const block = changetype<BLOCK>(top);
  const ptr = top + BLOCK_OVERHEAD;
  const bytes = payload(size);
  reach(ptr + bytes);
  block.mmInfo = bytes;
  return ptr;
}

/**
 * Grows a block in place where it is the arena's last, and else copies it to one of at least twice its size.
 */
// @ts-ignore: decorator
@unsafe @global
export function __realloc(ptr: usize, size: usize): usize {
  const block = changetype<BLOCK>(ptr - BLOCK_OVERHEAD);
  const have = block.mmInfo;
  if (size <= have) return ptr;
  // Only the arena's last block may grow in place: a settled one would reach over the border.
  if (ptr + have == top && ptr > border) {
    const bytes = payload(size);
    reach(ptr + bytes);
    block.mmInfo = bytes;
    return ptr;
  }
  const moved = __alloc(max<usize>(size, have << 1));
  memory.copy(moved, ptr, have);
  return moved;
}

/** Gives the arena's last block back. All other blocks stay until empty(). */
// @ts-ignore: decorator
@unsafe @global
export function __free(ptr: usize): void {
  const block = changetype<BLOCK>(ptr - BLOCK_OVERHEAD);
  if (ptr + block.mmInfo == top && ptr > border) top = changetype<usize>(block);
}

/** Makes a managed object: __alloc with AssemblyScript's object header before it. */
// @ts-ignore: decorator
@unsafe @global
export function __new(size: usize, id: u32): usize {
  if (size > OBJECT_MAXSIZE) throw new Error(E_ALLOCATION_TOO_LARGE);
  const ptr = __alloc(OBJECT_OVERHEAD + size);
  const object = changetype<OBJECT>(ptr - BLOCK_OVERHEAD);
  object.gcInfo = 0;
  object.gcInfo2 = 0;
  object.rtId = id;
  object.rtSize = <u32>size;
  return ptr + OBJECT_OVERHEAD;
}

/** As __realloc, for a managed object. */
// @ts-ignore: decorator
@unsafe @global
export function __renew(oldPtr: usize, size: usize): usize {
  if (size > OBJECT_MAXSIZE) throw new Error(E_ALLOCATION_TOO_LARGE);
  const moved = __realloc(oldPtr - OBJECT_OVERHEAD, OBJECT_OVERHEAD + size);
  changetype<OBJECT>(moved - BLOCK_OVERHEAD).rtSize = <u32>size;
  return moved + OBJECT_OVERHEAD;
}

/**
 * Stops the policy where an object of the arena is stored in a settled one: it would be gone after the batch.
 */
// @ts-ignore: decorator
@global @unsafe
export function __link(parent: usize, child: usize, expectMultiple: bool): void {
  // Static data is left out: the compiler joins template strings in an array there, filled anew each time.
  if (border != 0 && parent >= __heap_base && parent < border && child >= border) {
    throw new Error("a value made while judging an event cannot be kept in a global: use the SDK's state (Counter, FirstSeen, ...)");
  }
}

/** Nothing moves and nothing is collected here, so there is nothing to do. */
// @ts-ignore: decorator
@global @unsafe
export function __pin(ptr: usize): usize {
  return ptr;
}

/** As __pin. */
// @ts-ignore: decorator
@global @unsafe
export function __unpin(ptr: usize): void {}

// @ts-ignore: decorator
@global @unsafe
function __visit(ptr: usize, cookie: u32): void {}

/** As __pin. */
// @ts-ignore: decorator
@global @unsafe
export function __collect(): void {}
