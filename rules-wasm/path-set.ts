// SPDX-License-Identifier: Apache-2.0
// Sets of paths. A PrefixSet goes by whole components, as Falco's `pmatch`: "/etc/ssl" holds /etc/ssl and all
// below, not /etc/ssl2. Most paths are told by how they begin (as many bytes as the shortest prefix has, up
// to eight, against a word of 64 bits). Else it asks a StringSet, only where a component ends and a prefix
// could, so a thousand prefixes cost little more than one. A PathSet takes globs too.
import { bit } from "./flag";
import { Glob, isGlob } from "./glob";
import { Str } from "./str";
import { StringSet } from "./string-set";
import { utf8Size, writeUtf8 } from "./text";

const SLASH: u8 = 0x2f;

/** Paths with everything below them. `has(text)` takes no glob; a PathSet does. */
export class PrefixSet {
  private readonly prefixes: StringSet;
  /** How long the prefixes are, each length once: only these many bytes of a path can be one. */
  private readonly lengths: StaticArray<u32>;
  private readonly all: bool;
  /** Which of the first eight bytes count, and which beginnings there are. */
  private readonly head: u64;
  private readonly heads: u64;

  constructor(paths: string[]) {
    const trimmed = new Array<string>(), lengths = new Array<u32>();
    let all = false;
    for (let i = 0, k = paths.length; i < k; i++) {
      let path = paths[i];
      while (path.length > 1 && path.endsWith("/")) path = path.slice(0, path.length - 1);
      if (path == "/") {
        all = true;
        continue;
      }
      trimmed.push(path);
      const length = utf8Size(path);
      if (length > 0 && !lengths.includes(length)) lengths.push(length);
    }
    this.prefixes = new StringSet(trimmed);
    this.lengths = StaticArray.fromArray<u32>(lengths);
    this.all = all;
    let shortest: u32 = 8, heads: u64 = 0;
    for (let i = 0, k = lengths.length; i < k; i++) shortest = min(shortest, lengths[i]);
    this.head = shortest == 8 ? u64.MAX_VALUE : (<u64>1 << (shortest << 3)) - 1;
    for (let i = 0, k = trimmed.length; i < k; i++) {
      const copy = heap.alloc(utf8Size(trimmed[i]) + 8);
      writeUtf8(trimmed[i], copy);
      heads |= bit(headOf(load<u64>(copy) & this.head));
    }
    this.heads = heads;
  }

  get size(): i32 {
    return this.prefixes.size + (this.all ? 1 : 0);
  }

  /** Whether `path` is one of the paths or lies below one. */
  has(path: Str): bool {
    const at = path.address, size = path.size;
    if (size == 0) return false;
    if (this.all && load<u8>(at) == SLASH) return true;
    if ((this.heads >> headOf(load<u64>(at) & this.head) & 1) == 0) return false;
    const lengths = this.lengths;
    for (let i = 0, k = lengths.length; i < k; i++) {
      const length = unchecked(lengths[i]);
      if (length > size || (length < size && load<u8>(at + length) != SLASH)) continue;
      if (this.prefixes.hasBytes(at, length)) return true;
    }
    return false;
  }
}

/** Of the bytes with which a path begins: 0 to 63. */
// @ts-ignore: decorator
@inline function headOf(bytes: u64): u64 { return bytes * 0x9e3779b97f4a7c15 >> 58; }

/** Paths (with all below them) and globs, as they stand in a parameter's list. */
export class PathSet {
  private readonly prefixes: PrefixSet;
  private readonly globs: Glob[];

  constructor(paths: string[]) {
    const plain = new Array<string>(), globs = new Array<Glob>();
    for (let i = 0, k = paths.length; i < k; i++) {
      if (isGlob(paths[i])) globs.push(new Glob(paths[i]));
      else plain.push(paths[i]);
    }
    this.prefixes = new PrefixSet(plain);
    this.globs = globs;
  }

  has(path: Str): bool {
    if (this.prefixes.has(path)) return true;
    const globs = this.globs;
    for (let i = 0, k = globs.length; i < k; i++) if (unchecked(globs[i]).matches(path)) return true;
    return false;
  }
}
