// SPDX-License-Identifier: Apache-2.0
// A struct sockaddr as it was passed to bind, connect or sendto: family, then a port and an address, or a
// path. The kernel checks it, not we: one that is too short has no port and no address.
//
//   AF_INET   u16 family  u16 port (network order)  4 bytes address
//   AF_INET6  u16 family  u16 port (network order)  u32 flow info  16 bytes address  u32 scope
//   AF_UNIX   u16 family  path, not always ended by NUL; an abstract name begins with NUL
import { Addr } from "./addr";
import { SocketFamily } from "./generated/flags";
import { Str } from "./str";
import { spanAddress, spanOf, spanSize } from "./wire/frame";

/** An address as the program passed it. It is good until the batch is judged. */
// @ts-ignore: decorator
@unmanaged @final
export class Sockaddr {
  /** AF_*; AF_UNSPEC where there is none. */
  get family(): u64 {
    return this.size < 2 ? SocketFamily.AF_UNSPEC : <u64>load<u16>(this.bytes);
  }

  get port(): u64 {
    const family = this.family;
    if (this.size < 4 || (family != SocketFamily.AF_INET && family != SocketFamily.AF_INET6)) return 0;
    return <u64>bswap<u16>(load<u16>(this.bytes, 2));
  }

  get ip(): Addr {
    const family = this.family;
    if (family == SocketFamily.AF_INET && this.size >= 8) return changetype<Addr>(spanOf(this.bytes + 4, 4));
    if (family == SocketFamily.AF_INET6 && this.size >= 24) return changetype<Addr>(spanOf(this.bytes + 8, 16));
    return changetype<Addr>(spanOf(this.bytes, 0));
  }

  /** Path of a unix socket; empty for others and for abstract names. */
  get path(): Str {
    const at = this.bytes + 2;
    let size: u32 = 0;
    if (this.family == SocketFamily.AF_LOCAL) while (size + 2 < this.size && load<u8>(at + size) != 0) size++;
    return changetype<Str>(spanOf(at, size));
  }

  // @ts-ignore: decorator
  @inline private get size(): u32 { return spanSize(changetype<usize>(this)); }
  // @ts-ignore: decorator
  @inline private get bytes(): usize { return spanAddress(changetype<usize>(this)); }
}
