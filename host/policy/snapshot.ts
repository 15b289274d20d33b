// SPDX-License-Identifier: Apache-2.0
// A policy's folder as it was at one moment: its files read into memory before anything looks at them. What
// was checked is then what is compiled, whoever writes to the folder meanwhile; and a folder that is still
// being copied in has another digest a moment later. Only plain files count: a link could lead into another
// tenant's folder.
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { VedetteError } from "../errors.js";
import { MemoryBundle, policyFiles } from "./bundle.js";
import { readOwnedFile } from "./plain-file.js";

const FILES_MAX = 200;
const BYTES_MAX = 8 << 20;

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
 * Throws NotPlain at a pipe or a device, the system's error at a link, and VEDETTE_POLICY_UNREADABLE where
 * there are too many files or they take more than 8 MiB together.
 */
export function takeSnapshot(folder: string): Snapshot {
  const owners = new Map([["", lstatSync(folder).uid]]);
  const files = new Map<string, Uint8Array>();
  let left = BYTES_MAX;
  for (const name of bounded(folder)) {
    const { bytes, uid } = readOwnedFile(join(folder, name), { most: left, isLinkGood: false });
    left -= bytes.length; // whoever owns the files may let them grow since they were counted
    owners.set(name, uid);
    files.set(name, bytes);
  }
  return new Snapshot(folder, files, owners);
}

function bounded(folder: string): string[] {
  const names = policyFiles(folder);
  const bytes = names.reduce((sum, name) => sum + lstatSync(join(folder, name)).size, 0);
  if (names.length <= FILES_MAX && bytes <= BYTES_MAX) return names;
  throw new VedetteError("VEDETTE_POLICY_UNREADABLE", {
    path: folder,
    reason: `${names.length} files of ${bytes} bytes are too much`,
  });
}
