// SPDX-License-Identifier: Apache-2.0
// Numbers as most protocols send them: the highest byte first.

/** Of two bytes. */
// @ts-ignore: decorator
@inline export function u16At(at: usize): u32 { return bswap<u16>(load<u16>(at)); }

/** Of four bytes. */
// @ts-ignore: decorator
@inline export function u32At(at: usize): u32 { return bswap<u32>(load<u32>(at)); }
