// SPDX-License-Identifier: Apache-2.0
// Sets of paths. A PrefixSet goes by whole components, as Falco's `pmatch`: "/etc/ssl" holds /etc/ssl and all below, not
// /etc/ssl2. It asks a StringSet only where a component ends and a prefix could,
// so a thousand prefixes cost little more than one. A PathSet takes globs too.
import { Glob, isGlob } from "./glob";
import { Str } from "./str";
import { StringSet } from "./string-set";
import { utf8Size } from "./text";

const SLASH: u8 = 0x2f;

export class PrefixSet {
  private readonly prefixes: StringSet;
  /** How long the prefixes are, each length once: only these many bytes of a path can be one. */
  private readonly lengths: StaticArray<u32>;
  private readonly all: bool;

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
  }

  get size(): i32 {
    return this.prefixes.size + (this.all ? 1 : 0);
  }

  /** Whether `path` is one of the paths or lies below one. */
  has(path: Str): bool {
    const at = path.address, size = path.size;
    if (size == 0) return false;
    if (this.all && load<u8>(at) == SLASH) return true;
    const lengths = this.lengths;
    for (let i = 0, k = lengths.length; i < k; i++) {
      const length = unchecked(lengths[i]);
      if (length > size || (length < size && load<u8>(at + length) != SLASH)) continue;
      if (this.prefixes.hasBytes(at, length)) return true;
    }
    return false;
  }
}

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
