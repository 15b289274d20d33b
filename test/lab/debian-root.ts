// SPDX-License-Identifier: Apache-2.0
// Root file systems of Debian's releases, as small as one that runs Node: the C and C++ libraries, a shell
// and its commands, and no compiler. Kept in build/lab/roots.
import { cpSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DebianMirror } from "./debian-mirror.js";

const PACKAGES = ["base-files", "dash", "coreutils", "libstdc++6", "libgcc-s1"];
/** Links into /usr, as Debian's installer leaves them. Packages of Debian 12 have folders there. */
const MERGED = ["bin", "sbin", "lib", "lib64"];

/** null when it cannot be had here. */
export function debianRoot(release: string): string | null {
  const root = resolve("build/lab/roots", release);
  if (existsSync(root)) return root;
  const work = `${root}.${process.pid}`;
  try {
    const made = join(work, "root");
    const mirror = new DebianMirror(work, [release], "amd64");
    mkdirSync(made);
    mirror.unpackAll(PACKAGES, made);
    for (const name of MERGED) merge(made, name);
    if (!existsSync(join(made, "usr/bin/sh"))) symlinkSync("dash", join(made, "usr/bin/sh"));
    writeFileSync(join(made, "etc/shadow"), "root:*:1::::::\n");
    writeFileSync(join(made, "etc/passwd"), "root:x:0:0::/root:/bin/sh\n");
    renameSync(made, root);
    return root;
  } catch {
    return null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function merge(root: string, name: string): void {
  const [own, users] = [join(root, name), join(root, "usr", name)];
  if (lstatSync(own, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  mkdirSync(users, { recursive: true });
  if (existsSync(own)) cpSync(own, users, { recursive: true, verbatimSymlinks: true });
  rmSync(own, { recursive: true, force: true });
  symlinkSync(`usr/${name}`, own);
}
