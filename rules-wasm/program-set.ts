// SPDX-License-Identifier: Apache-2.0
// Programs that an author trusts, by the paths of their executables (with all below them) and globs: for
// exceptions. A process is one of them while it runs that file of the image. Its name and its arguments do
// not count, since it gives itself those; a copy has another path; and what was put at the path since the
// agent began, or by a mount of the process's own, is not of the image.
import { PathSet } from "./path-set";
import { Process } from "./process";

const ANCESTORS_MAX = 64;
const SLASH: i32 = 0x2f;

/**
 * Trusted programs. The constructor stops the policy at a name without a slash, because any process can take
 * a name.
 */
export class ProgramSet {
  private readonly paths: PathSet;

  constructor(paths: string[]) {
    for (let i = 0, k = paths.length; i < k; i++) {
      if (paths[i].length > 0 && paths[i].charCodeAt(0) == SLASH) continue;
      throw new Error(`"${paths[i]}" is a name, which any process can take: write the path of the executable, as /usr/bin/gdb`);
    }
    this.paths = new PathSet(paths);
  }

  has(process: Process): bool {
    return process.exe_of_image && this.paths.has(process.exepath);
  }

  /** Whether an ancestor of the process is one of them. */
  hasAncestorOf(process: Process): bool {
    let ancestor = process.parent;
    for (let i = 0; i < ANCESTORS_MAX && ancestor.exists; i++) {
      if (this.has(ancestor)) return true;
      ancestor = ancestor.parent;
    }
    return false;
  }
}
