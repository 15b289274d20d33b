// SPDX-License-Identifier: Apache-2.0
// What a sign of a text is: a byte, or a code unit of a string. Only ASCII is told apart.

/** 0 to 9. */
// @ts-ignore: decorator
@inline export function isDigit(sign: u32): bool { return sign - 0x30 < 10; }

/** Capital or small. */
// @ts-ignore: decorator
@inline export function isLetter(sign: u32): bool { return (sign | 0x20) - 0x61 < 26; }

/** A small letter as a capital one; all others as they are. */
// @ts-ignore: decorator
@inline export function capital(sign: u32): u32 { return sign - 0x61 < 26 ? sign - 0x20 : sign; }

/** A capital letter as a small one; all others as they are. */
// @ts-ignore: decorator
@inline export function small(sign: u32): u32 { return sign - 0x41 < 26 ? sign + 0x20 : sign; }

/** Whether names of hosts are made of it: letters, digits, `-` and `_`. */
export function isOfName(sign: u32): bool {
  return isLetter(sign) || isDigit(sign) || sign == 0x2d || sign == 0x5f;
}

/** The value of a hexadecimal digit; above 15: it is none. */
export function hexOf(sign: u32): u32 {
  if (isDigit(sign)) return sign - 0x30;
  const letter = (sign | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : 0x100;
}
