// SPDX-License-Identifier: Apache-2.0
// Networks: "10.0.0.0/8", "fd00::/8", or one address. Made once at the top of a policy; a text that is no
// network stops the policy there, when it is loaded, and says which it is. IPv4 networks also hold IPv4
// addresses written as IPv6.
import { Addr, ipv4At } from "./addr";

const SIZE: usize = 16;

/** One network. Make it at the top of the policy: its memory is never given back. */
export class Cidr {
  private readonly bytes: usize;
  private readonly bits: u32;
  private readonly isIpv4: bool;

  constructor(text: string) {
    const slash = text.indexOf("/");
    const address = slash < 0 ? text : text.slice(0, slash);
    this.isIpv4 = address.indexOf(":") < 0;
    this.bytes = heap.alloc(SIZE);
    const most: u32 = this.isIpv4 ? 32 : 128;
    const bits = slash < 0 ? most : <u32>decimal(text.slice(slash + 1), most);
    const isRead = this.isIpv4 ? readIpv4(address, this.bytes) : readIpv6(address, this.bytes);
    if (!isRead || bits > most) throw new Error(`"${text}" is not a network: write it as 10.0.0.0/8 or fd00::/8`);
    this.bits = bits;
  }

  has(address: Addr): bool {
    if (!address.exists) return false;
    if (this.isIpv4) return address.isIpv4 && sameBits(this.bytes, ipv4At(address.address, address.size), this.bits);
    return address.isIpv6 && sameBits(this.bytes, address.address, this.bits);
  }
}

/** Several networks. */
export class CidrSet {
  private readonly networks: Cidr[];

  constructor(texts: string[]) {
    const networks = new Array<Cidr>();
    for (let i = 0, k = texts.length; i < k; i++) networks.push(new Cidr(texts[i]));
    this.networks = networks;
  }

  has(address: Addr): bool {
    const networks = this.networks;
    for (let i = 0, k = networks.length; i < k; i++) if (unchecked(networks[i]).has(address)) return true;
    return false;
  }
}

function sameBits(a: usize, b: usize, bits: u32): bool {
  const bytes = bits >> 3, rest = bits & 7;
  if (memory.compare(a, b, bytes) != 0) return false;
  return rest == 0 || (<u32>(load<u8>(a + bytes) ^ load<u8>(b + bytes))) >> (8 - rest) == 0;
}

/** A number of digits only, up to `most`; anything else gives a number above it. */
function decimal(text: string, most: u32): u32 {
  if (text.length == 0 || text.length > 3) return most + 1;
  let value: u32 = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = <u32>text.charCodeAt(i) - 48;
    if (digit > 9) return most + 1;
    value = value * 10 + digit;
  }
  return value;
}

function readIpv4(text: string, to: usize): bool {
  const parts = text.split(".");
  if (parts.length != 4) return false;
  for (let i = 0; i < 4; i++) {
    const value = decimal(parts[i], 255);
    if (value > 255) return false;
    store<u8>(to + i, <u8>value);
  }
  return true;
}

function readIpv6(text: string, to: usize): bool {
  memory.fill(to, 0, SIZE);
  const gap = text.indexOf("::");
  if (gap < 0) return readGroups(text, to, 8) == 8;
  if (text.indexOf("::", gap + 1) >= 0) return false;
  const head = readGroups(text.slice(0, gap), to, 7);
  const tailText = text.slice(gap + 2);
  const tail = heap.alloc(SIZE);
  const count = readGroups(tailText, tail, 7);
  if (head < 0 || count < 0 || head + count > 7) return false;
  memory.copy(to + ((8 - count) << 1), tail, count << 1);
  return true;
}

/** Reads groups of four hexadecimal digits between colons; how many there were, -1 when one is wrong. */
function readGroups(text: string, to: usize, most: i32): i32 {
  if (text.length == 0) return 0;
  const groups = text.split(":");
  if (groups.length > most) return -1;
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i];
    if (group.length == 0 || group.length > 4) return -1;
    let value: u32 = 0;
    for (let k = 0; k < group.length; k++) {
      const digit = hexDigit(group.charCodeAt(k));
      if (digit < 0) return -1;
      value = (value << 4) | <u32>digit;
    }
    store<u16>(to + (i << 1), bswap<u16>(<u16>value));
  }
  return groups.length;
}

function hexDigit(code: i32): i32 {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
