// SPDX-License-Identifier: Apache-2.0
// Keys of states: 64 bits that stand for a text, an address, or several things together. Two different texts
// have the same key once in 2^64: enough for counting, not for proving.
import { Addr, ipv4At } from "../addr";
import { mix } from "../string-set";
import { Str } from "../str";

/** Of a text. */
export function keyOf(text: Str): u64 {
  return keyOfBytes(text.address, text.size);
}

/** Of an address; the same for an IPv4 address and its form in IPv6. */
export function keyOfAddr(address: Addr): u64 {
  const size = address.size;
  return address.isIpv4 ? keyOfBytes(ipv4At(address.address, size), 4) : keyOfBytes(address.address, size);
}

/** Of several keys or numbers together: `keys(e.proc.key, keyOf(e.fd.name))`. */
export function keys(a: u64, b: u64, c: u64 = 0): u64 {
  return mix(mix(a, b), c);
}

/** FNV-like over words: unlike hashOf it looks at all bytes, since keys are all that is kept. */
function keyOfBytes(at: usize, size: u32): u64 {
  let key: u64 = 0xcbf29ce484222325 ^ <u64>size;
  let i: u32 = 0;
  for (; i + 8 <= size; i += 8) key = mix(key, load<u64>(at + i));
  for (; i < size; i++) key = mix(key, <u64>load<u8>(at + i));
  return key;
}
