// SPDX-License-Identifier: Apache-2.0
// Templates of paths, few however many paths there are: `/users/4711` is `/users/{id}`. Identifiers are known
// by their form. A place in the tree where more than so many names follow (ten unless it is said) is `{any}`
// from then on. Names are learned from requests that succeeded only: what a scanner tries is no route. Each
// server has its own tree and its own bounds. When servers together have more than there is room for, all are
// forgotten and learned anew.
import { hexOf, isDigit, isLetter } from "../sign";
import { mix, textHash } from "../string-set";

/** Templates of a server, and names in all of them together. */
const ROUTES_MAX: u64 = 100;
const NAMES_MAX: u64 = 250;
/** Of all servers together. */
const ALL_ROUTES_MAX: u32 = 800;
const ALL_NAMES_MAX: u32 = 2000;
/** Bytes of a template. */
const ROUTE_MAX: u32 = 128;
/** A longer name is an identifier. */
const NAME_MAX: u32 = 32;
const HEX_MIN: u32 = 8;
/** A power of two. At most half of it is filled: 3 for each name and 2 for each template. */
const PLACES: u32 = 16384;
const SLASH: u32 = 0x2f;
const ANY: u64 = 0x616e79;
const ID: u64 = 0x6964;
/** Behind a server's place: how many templates and names it has. Behind a path's last: its number, from 1. */
const ROUTES: u64 = 0x726f75746573;
const NAMES: u64 = 0x6e616d6573;
const END: u64 = 0x656e64;
const WHOLE: u64 = 0x77686f6c65;

/** Learns templates. One is made at the top of a file. */
export class Routes {
  private readonly texts: usize = zeroed(ALL_ROUTES_MAX * (ROUTE_MAX + 4));
  /** How often all templates were forgotten: of another round a number stands for something else. */
  round: u64 = 0;
  private count: u32 = 0;
  private names: u32 = 0;
  /** u64 hash of a name behind its place; u64: how many names follow it, or what is counted there. */
  private readonly places: usize = zeroed(PLACES * 16);
  private readonly scratch: usize = zeroed(ROUTE_MAX);
  /** The server, and where its path ended. */
  private server: u64 = 0;
  private last: u64 = 0;
  private readonly childrenMax: u64;

  /** `children`: names that may follow one place. */
  constructor(children: u32 = 10) {
    this.childrenMax = children;
  }

  /** Before an event: forgets all templates where there is no room for more. Their numbers are over then. */
  makeRoom(): void {
    if (this.count < ALL_ROUTES_MAX && this.names < ALL_NAMES_MAX) return;
    memory.fill(this.places, 0, PLACES * 16);
    this.round++;
    this.count = 0;
    this.names = 0;
  }

  /** The number of the template of a server's path, -1: it has none. `isGood`: the request succeeded. */
  find(server: u64, path: usize, size: u32, isGood: bool): i32 {
    this.server = server | 1;
    const length = this.build(path, size, isGood);
    return length == 0 ? -1 : this.numberOf(length, isGood);
  }

  /** The same of a path that is a name as it stands, as a method's (`/shop.Orders/Place`). */
  findWhole(server: u64, path: usize, size: u32, isGood: bool): i32 {
    this.server = server | 1;
    if (size > ROUTE_MAX || !isName(path, size)) return -1;
    memory.copy(this.scratch, path, size);
    this.last = textHash(path, size, mix(this.server, WHOLE));
    return this.numberOf(size, isGood);
  }

  /** The number of the template that stands in `scratch`. */
  private numberOf(length: u32, isGood: bool): i32 {
    const end = mix(this.last, END), known = this.numberAt(end);
    if (known != 0) return <i32>known - 1;
    if (!isGood || this.count == ALL_ROUTES_MAX || this.numberAt(mix(this.server, ROUTES)) >= ROUTES_MAX) return -1;
    store<u32>(this.address(this.count) - 4, length);
    memory.copy(this.address(this.count), this.scratch, length);
    this.add(mix(this.server, ROUTES), 1);
    this.add(end, ++this.count);
    return this.count - 1;
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
    let length: u32 = 0, place = this.server, from: u32 = 1;
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
        const name = textHash(at, bytes, place);
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
    this.last = place;
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
    if (this.names >= ALL_NAMES_MAX || this.numberAt(mix(this.server, NAMES)) >= NAMES_MAX) return true;
    return this.numberAt(place) >= this.childrenMax;
  }

  private learn(place: u64, name: u64): bool {
    if (this.isWide(place)) return false;
    this.add(place, 1);
    this.add(name, 0);
    this.add(mix(this.server, NAMES), 1);
    this.names++;
    return true;
  }

  private numberAt(hash: u64): u64 {
    return load<u64>(this.entry(hash), 8); // of a free entry: 0
  }

  private add(hash: u64, more: u64): void {
    const entry = this.entry(hash);
    store<u64>(entry, hash);
    store<u64>(entry, load<u64>(entry, 8) + more, 8);
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
    if (isDigit(byte)) digits++;
    else if (hexOf(byte) < 16) hex++;
    else if (byte != 0x2d) others++;
  }
  return others == 0 && digits > 0 && (hex == 0 || digits + hex >= HEX_MIN);
}

/** Words of letters, digits, `_` and dots behind two slashes at least. */
function isName(at: usize, size: u32): bool {
  let slashes = 0;
  for (let i: u32 = 0; i < size; i++) {
    const byte: u32 = load<u8>(at + i);
    if (byte == SLASH) slashes++;
    else if (!isDigit(byte) && !isLetter(byte) && byte != 0x2e && byte != 0x5f) return false;
  }
  return slashes >= 2 && load<u8>(at) == SLASH;
}

function zeroed(size: u32): usize {
  const at = heap.alloc(size);
  memory.fill(at, 0, size);
  return at;
}
