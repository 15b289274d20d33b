// SPDX-License-Identifier: Apache-2.0
// A policy's folder as it was at one moment: its files read into memory before anything looks at them. What
// was checked is then what is compiled, whoever writes to the folder meanwhile; and a folder that is still
// being copied in has another digest a moment later. Only plain files count: a link could lead into another
// tenant's folder, and so could a folder that becomes one while we read.
import { lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { VedetteError } from "../errors.js";
import { readOwnedFile } from "../plain-file.js";
import { MemoryBundle, policyFiles, sharedFiles } from "./bundle.js";
import { importsShared, SHARED, sharedFolder } from "./shared-code.js";

/** Files of one policy. */
export const POLICY_FILES_MAX = 200;
/** Of all of them together. */
export const POLICY_BYTES_MAX = 8 << 20;

/** A MemoryBundle that knows who owned its files. */
export class Snapshot extends MemoryBundle {
  /** The user ids of those to whom the folder and its files belonged when they were read. */
  readonly owners: ReadonlyMap<string, number>;

  constructor(folder: string, files: ReadonlyMap<string, Uint8Array>, owners: ReadonlyMap<string, number>) {
    super({ kind: "memory", place: folder }, files);
    this.owners = owners;
  }
}

/**
 * The code that it shares is part of it where it imports some. `changed`: files that are taken as they stand
 * there, and not from the folder. Throws NotPlain at a pipe or a device, the
 * system's error at a link, and VEDETTE_POLICY_UNREADABLE where there are too many files or they take more
 * than 8 MiB together.
 */
export function takeSnapshot(folder: string, changed: ReadonlyMap<string, Uint8Array> = new Map()): Snapshot {
  const owners = new Map([["", lstatSync(folder).uid]]);
  const files = new Map<string, Uint8Array>();
  const place = resolve(folder);
  const real = join(realpathSync(dirname(place)), basename(place));
  let left = POLICY_BYTES_MAX;
  const take = (names: readonly string[]): void => {
    for (const name of names) {
      const path = join(folder, name);
      const { bytes, uid } = readOwnedFile(path, { most: left, isLinkGood: false, real: join(real, name) });
      left -= bytes.length; // whoever owns the files may let them grow since they were counted
      owners.set(name, uid);
      files.set(name, bytes);
    }
  };
  const own = policyFiles(folder);
  bound(folder, own);
  take(own);
  for (const [name, bytes] of changed) files.set(name, bytes);
  if ([...files].some(([name, bytes]) => name.endsWith(".ts") && importsShared(bytes))) {
    const shared = sharedFiles(folder);
    bound(folder, [...own, ...shared]);
    if (shared.length > 0) owners.set(`../${SHARED}`, lstatSync(sharedFolder(folder)).uid);
    take(shared);
  }
  return new Snapshot(folder, files, owners);
}

function bound(folder: string, names: readonly string[]): void {
  const bytes = names.reduce((sum, name) => sum + lstatSync(join(folder, name)).size, 0);
  if (names.length <= POLICY_FILES_MAX && bytes <= POLICY_BYTES_MAX) return;
  throw new VedetteError("VEDETTE_POLICY_UNREADABLE", {
    path: folder,
    reason: `${names.length} files of ${bytes} bytes are too much`,
  });
}
