// SPDX-License-Identifier: Apache-2.0
// Templates of paths, few however many paths there are: `/users/4711` is `/users/{id}`. Identifiers are known
// by their form. A place in the tree where more than ten names follow is `{any}` from then on. Names are
// learned from requests that succeeded only: what a scanner tries is no route.
import { mix } from "../string-set";

/** Templates, and names in all of them together. */
const ROUTES_MAX: u32 = 100;
const NAMES_MAX: u32 = 1000;
/** Names that may follow one place. */
const CHILDREN_MAX: u32 = 10;
/** Bytes of a template. */
const ROUTE_MAX: u32 = 128;
/** A longer name is an identifier. */
const NAME_MAX: u32 = 32;
const HEX_MIN: u32 = 8;
const PLACES: u32 = 4096; // a power of two, four times as many as names
const SLASH: u32 = 0x2f;
const ANY: u64 = 0x616e79;
const ID: u64 = 0x6964;

/** Learns templates. One is made at the top of a file. */
export class Routes {
  private readonly texts: usize = zeroed(ROUTES_MAX * (ROUTE_MAX + 4));
  private count: u32 = 0;
  private names: u32 = 0;
  /** u64 hash of a name behind its place, u64 how many names follow it. */
  private readonly places: usize = zeroed(PLACES * 16);
  private readonly scratch: usize = zeroed(ROUTE_MAX);

  /** The number of the path's template, -1: it has none. `isGood`: the request succeeded. */
  find(path: usize, size: u32, isGood: bool): i32 {
    const length = this.build(path, size, isGood);
    if (length == 0) return -1;
    for (let i: u32 = 0; i < this.count; i++) {
      if (this.size(i) == length && memory.compare(this.address(i), this.scratch, length) == 0) return i;
    }
    if (!isGood || this.count == ROUTES_MAX) return -1;
    store<u32>(this.address(this.count) - 4, length);
    memory.copy(this.address(this.count), this.scratch, length);
    return this.count++;
  }

  /** Where a template stands, by its number. */
  address(route: u32): usize {
    return this.texts + route * (ROUTE_MAX + 4) + 4;
  }

  size(route: u32): u32 {
    return load<u32>(this.address(route) - 4);
  }

  /** Writes the template to `scratch`; gives its bytes, 0: there is none. */
  private build(path: usize, size: u32, isGood: bool): u32 {
    if (size == 0 || load<u8>(path) != SLASH) return 0;
    let length: u32 = 0, place: u64 = 1, from: u32 = 1;
    while (from <= size) {
      let end = from;
      while (end < size && load<u8>(path + end) != SLASH) end++;
      const at = path + from, bytes = end - from;
      if (length + NAME_MAX + 1 > ROUTE_MAX) return 0;
      store<u8>(this.scratch + length++, SLASH);
      if (isIdentifier(at, bytes)) {
        length = this.write(length, "{id}");
        place = mix(place, ID);
      } else {
        const name = mix(place, hashOf(at, bytes));
        if (bytes == 0 || this.isKnown(name) || (isGood && this.learn(place, name))) {
          memory.copy(this.scratch + length, at, bytes);
          length += bytes;
          place = name;
        } else if (this.isWide(place)) {
          length = this.write(length, "{any}");
          place = mix(place, ANY);
        } else return 0;
      }
      from = end + 1;
    }
    return length;
  }

  private write(length: u32, text: string): u32 {
    for (let i = 0; i < text.length; i++) store<u8>(this.scratch + length + i, <u8>text.charCodeAt(i));
    return length + text.length;
  }

  private isKnown(name: u64): bool {
    return load<u64>(this.entry(name)) == name;
  }

  private isWide(place: u64): bool {
    return this.names >= NAMES_MAX || load<u64>(this.entry(place), 8) >= CHILDREN_MAX;
  }

  private learn(place: u64, name: u64): bool {
    if (this.isWide(place)) return false;
    const parent = this.entry(place);
    store<u64>(parent, place);
    store<u64>(parent, load<u64>(parent, 8) + 1, 8);
    store<u64>(this.entry(name), name);
    this.names++;
    return true;
  }

  /** Its entry, or the free one that it would take. Most are free: names and places are bounded. */
  private entry(hash: u64): usize {
    let i = <u32>hash & (PLACES - 1);
    while (load<u64>(this.places + i * 16) != hash && load<u64>(this.places + i * 16) != 0) i = (i + 1) & (PLACES - 1);
    return this.places + i * 16;
  }
}

/** Digits, eight or more hexadecimal ones (with dashes, as in a UUID), a long name, escapes, an address. */
function isIdentifier(at: usize, size: u32): bool {
  if (size == 0) return false;
  if (size > NAME_MAX) return true;
  let digits: u32 = 0, hex: u32 = 0, others: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const byte: u32 = load<u8>(at + i);
    if (byte == 0x40 || byte == 0x25 || byte < 0x21 || byte > 0x7e) return true; // @ %
    if (byte - 0x30 < 10) digits++;
    else if ((byte | 0x20) - 0x61 < 6) hex++;
    else if (byte != 0x2d) others++;
  }
  return others == 0 && digits > 0 && (hex == 0 || digits + hex >= HEX_MIN);
}

function hashOf(at: usize, size: u32): u64 {
  let hash: u64 = size;
  for (let i: u32 = 0; i < size; i++) hash = mix(hash, load<u8>(at + i));
  return hash | 2;
}

function zeroed(size: u32): usize {
  const at = heap.alloc(size);
  memory.fill(at, 0, size);
  return at;
}
