// SPDX-License-Identifier: Apache-2.0
// Comparisons as Falco makes them, where the SDK's own answer something else: letters of any case, networks
// by the very family of an address, paths by their components whatever slashes stand between.
import { Addr, isMapped } from "../addr";
import { CidrSet } from "../cidr";
import { Str } from "../str";
import { beginsWith } from "../text";

const SLASH: u8 = 0x2f;
const ACCESS_MODE: u64 = 3;
const WRITE_ONLY: u64 = 1;

/** Whether a number has a value. */
// @ts-ignore: decorator
@inline export function isKnown(value: i64): bool { return value != i64.MIN_VALUE; }

/** evt.is_open_read. An open whose flags are not known reads. */
export function opensToRead(flags: u64): bool {
  return (flags & ACCESS_MODE) != WRITE_ONLY;
}

/** evt.is_open_write */
export function opensToWrite(flags: u64): bool {
  return (flags & ACCESS_MODE) != 0;
}

/** Whether the address is in one of the networks. An IPv4 address in an IPv6 one is none of IPv4. */
export function isIn(networks: CidrSet, address: Addr): bool {
  return !isMapped(address.address, address.size) && networks.has(address);
}

/** icontains. `wanted` is of ASCII and has small letters only. */
export function containsAnyCase(text: Str, wanted: string): bool {
  const size = <i32>text.size, length = wanted.length, at = text.address;
  for (let i = 0; i <= size - length; i++) {
    let k = 0;
    while (k < length && small(load<u8>(at + i + k)) == wanted.charCodeAt(k)) k++;
    if (k == length) return true;
  }
  return false;
}

// @ts-ignore: decorator
@inline function small(byte: u32): i32 { return <i32>(byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte); }

/** pmatch: paths with all below them. A path without wildcards is a row of components. */
@final
export class PathPrefixes {
  private readonly components: string[][] = [];
  private readonly isRooted: bool[] = [];

  constructor(paths: string[]) {
    for (let i = 0; i < paths.length; i++) {
      const parts = paths[i].split("/"), components = new Array<string>();
      for (let k = 0; k < parts.length; k++) if (parts[k] != "") components.push(parts[k]);
      this.components.push(components);
      this.isRooted.push(components.length == 0 || paths[i].startsWith("/"));
    }
  }

  has(path: Str): bool {
    for (let i = 0; i < this.components.length; i++)
      if (lies(path.address, path.size, unchecked(this.components[i]), unchecked(this.isRooted[i]))) return true;
    return false;
  }
}

/** Whether the path is the row of components, or lies below it. */
function lies(at: usize, size: u32, components: string[], isRooted: bool): bool {
  const count = components.length;
  if (count == 0) return size > 0 && load<u8>(at) == SLASH;
  let place: u32 = 0;
  for (let i = 0; i < count; i++) {
    const begin = place, component = unchecked(components[i]);
    while (place < size && load<u8>(at + place) == SLASH) place++;
    if (place == begin && (i > 0 || isRooted)) return false;
    if (!beginsWith(at + place, size - place, component)) return false;
    place += <u32>String.UTF8.byteLength(component);
  }
  return place == size || load<u8>(at + place) == SLASH;
}
