// SPDX-License-Identifier: Apache-2.0
// Sets of paths. A PrefixSet goes by whole components, as Falco's `pmatch`: "/etc/ssl" holds /etc/ssl and all below, not
// /etc/ssl2. It asks a StringSet once a component, so a thousand prefixes cost what one does. A PathSet takes globs too.
import { Glob, isGlob } from "./glob";
import { Str } from "./str";
import { StringSet } from "./string-set";

const SLASH: u8 = 0x2f;

export class PrefixSet {
  private readonly prefixes: StringSet;
  private readonly all: bool;

  constructor(paths: string[]) {
    const trimmed = new Array<string>();
    let all = false;
    for (let i = 0, k = paths.length; i < k; i++) {
      let path = paths[i];
      while (path.length > 1 && path.endsWith("/")) path = path.slice(0, path.length - 1);
      if (path == "/") all = true;
      else trimmed.push(path);
    }
    this.prefixes = new StringSet(trimmed);
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
    const set = this.prefixes;
    if (set.size == 0) return false;
    for (let i: u32 = 1; i < size; i++) {
      if (load<u8>(at + i) == SLASH && set.hasBytes(at, i)) return true;
    }
    return set.hasBytes(at, size);
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
