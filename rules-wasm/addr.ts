// SPDX-License-Identifier: Apache-2.0
// An IP address of an event, where it stands: 4 or 16 bytes in network order. An IPv4 address that came in an
// IPv6 one (::ffff:1.2.3.4) counts as IPv4: a program that opens an AF_INET6 socket must not get past a rule
// for 1.2.3.4.
import { Cidr } from "./cidr";
import { writeNumber } from "./text";
import { spanAddress, spanExists, spanSize } from "./wire/frame";

/** An IP address of an event. It is good until the batch is judged. */
// @ts-ignore: decorator
@unmanaged @final
export class Addr {
  // @ts-ignore: decorator
  @inline get exists(): bool { return spanExists(changetype<usize>(this)) && this.size != 0; }
  // @ts-ignore: decorator
  @inline get size(): u32 { return spanSize(changetype<usize>(this)); }
  // @ts-ignore: decorator
  @inline get address(): usize { return spanAddress(changetype<usize>(this)); }

  get isIpv4(): bool {
    return this.size == 4 || isMapped(this.address, this.size);
  }

  get isIpv6(): bool {
    return this.size == 16 && !isMapped(this.address, this.size);
  }

  /**
   * Whether it is the address that `text` writes. Reads the text each time: for many events make a Cidr once.
   */
  equals(text: string): bool {
    return new Cidr(text).has(this);
  }

  /** Whether both are the same address. */
  same(other: Addr): bool {
    const size = this.size;
    return size == other.size && memory.compare(this.address, other.address, size) == 0;
  }

  /** 127.0.0.0/8 and ::1. */
  get isLoopback(): bool {
    const at = this.address;
    if (this.isIpv4) return load<u8>(ipv4At(at, this.size)) == 127;
    return this.size == 16 && load<u64>(at) == 0 && load<u64>(at, 8) == 0x0100000000000000;
  }
}

/** Whether 16 bytes are ::ffff:a.b.c.d. */
export function isMapped(at: usize, size: u32): bool {
  return size == 16 && load<u64>(at) == 0 && load<u32>(at, 8) == 0xffff0000;
}

/** Where the four bytes of an IPv4 address stand in an Addr that is one. */
export function ipv4At(at: usize, size: u32): usize {
  return size == 16 ? at + 12 : at;
}

/** The most that writeAddr writes, in bytes. */
export const ADDR_TEXT_MAX: usize = 40;

/**
 * Writes an address as text: 192.0.2.1, and 2001:db8:0:0:0:0:0:1 without the shortening of RFC 5952. Gives
 * how many bytes it wrote: 0 where there is no address.
 */
export function writeAddr(address: Addr, to: usize): u32 {
  const at = address.address, size = address.size, begin = to;
  if (size == 4 || isMapped(at, size)) {
    for (let i: u32 = 0, four = ipv4At(at, size); i < 4; i++) {
      if (i > 0) store<u8>(to++, 0x2e);
      to = writeNumber(load<u8>(four + i), 10, to);
    }
  } else if (size == 16) {
    for (let i: u32 = 0; i < 16; i += 2) {
      if (i > 0) store<u8>(to++, 0x3a);
      to = writeNumber(bswap<u16>(load<u16>(at + i)), 16, to);
    }
  }
  return <u32>(to - begin);
}
