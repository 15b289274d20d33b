// SPDX-License-Identifier: Apache-2.0
// Questions about masks. All of it is u64 from end to end, since `(1 << n) & mask` in AssemblyScript is
// computed in 32 bits and silently gives 0 above bit 31. An absent mask (INT64_MIN) has no flag; asking for
// no bits is no match, not always true.

const NOTHING: u64 = 0x8000000000000000;

/** All bits of `flag` are set. */
// @ts-ignore: decorator
@inline export function has(mask: u64, flag: u64): bool { return mask != NOTHING && flag != 0 && (mask & flag) == flag; }

/** At least one bit of `flags` is set. */
// @ts-ignore: decorator
@inline export function hasAny(mask: u64, flags: u64): bool { return mask != NOTHING && (mask & flags) != 0; }

/**
 * The bits under `field` are exactly `value`, as in
 * `holds(flags, OpenFlag.O_RDONLY, OpenFlag.O_RDONLY_MASK)`.
 */
// @ts-ignore: decorator
@inline export function holds(mask: u64, value: u64, field: u64): bool { return mask != NOTHING && (mask & field) == value; }

/** Bit number `n`, in 64 bits. */
// @ts-ignore: decorator
@inline export function bit(n: u64): u64 { return <u64>1 << n; }

/** Whether open flags ask to read (evt.is_open_read). */
export function isOpenRead(flags: u64): bool {
  return flags != NOTHING && ((flags & 3) == 0 || (flags & 3) == 2);
}

/** Whether open flags ask to write (evt.is_open_write). */
export function isOpenWrite(flags: u64): bool {
  return flags != NOTHING && ((flags & 3) == 1 || (flags & 3) == 2);
}
