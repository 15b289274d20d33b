// SPDX-License-Identifier: Apache-2.0
// Reads the entries of a tenant's folder one at a time, and no further than a bound. Otherwise a folder of a
// million files would hold all tenants up.
import { type Dir, type Dirent, opendirSync } from "node:fs";
import { dirname } from "node:path";
import { VedetteError } from "../errors.js";

const ENTRIES_MAX = 2_000;

/** Throws VEDETTE_FOLDER_CROWDED, or the system's error. */
export function entriesOf(folder: string): Dirent[] {
  const open = opened(folder);
  try {
    const entries: Dirent[] = [];
    for (let entry = open.readSync(); entry !== null; entry = open.readSync()) {
      if (entries.length === ENTRIES_MAX)
        throw new VedetteError("VEDETTE_FOLDER_CROWDED", { path: folder, limit: ENTRIES_MAX });
      entries.push(entry);
    }
    return entries;
  } finally {
    open.closeSync();
  }
}

/** Node's error does not say which folder it is about. */
function opened(folder: string): Dir {
  try {
    return opendirSync(folder);
  } catch (error) {
    throw Object.assign(error as Error, { path: folder });
  }
}

/**
 * Whether to look at what a watched folder has: so many of each folder's entries, the first that were seen.
 */
export class Crowd {
  readonly #seen = new Map<string, Set<string>>();

  isBeyond(path: string): boolean {
    const folder = dirname(path);
    const seen = this.#seen.get(folder) ?? new Set();
    this.#seen.set(folder, seen);
    if (seen.has(path)) return false;
    if (seen.size >= ENTRIES_MAX) return true;
    seen.add(path);
    return false;
  }

  /** It went away: another may take its place. */
  forget(path: string): void {
    this.#seen.get(dirname(path))?.delete(path);
    this.#seen.delete(path);
  }
}
