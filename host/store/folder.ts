// SPDX-License-Identifier: Apache-2.0
// The folder of a store. What it holds names commands and files of whoever is watched, so only Vedette's own
// user may look into it.
import { closeSync, constants, fchmodSync, lstatSync, openSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { VedetteError } from "../errors.js";
import { ownFolder } from "../own-folder.js";
import { reasonOf } from "../reason.js";

const FILE = "vedette.db";
const SUFFIXES = ["", "-wal", "-shm"] as const;

/** Absolute path of the file in it; both are made where they are missing. Throws VEDETTE_STORE_UNUSABLE. */
export function storeFile(folder: string, mustBeThere = false): string {
  const file = join(resolve(folder), FILE);
  try {
    if (mustBeThere) lstatSync(file);
    ownFolder(folder, mustBeThere);
    makeFile(file);
    return file;
  } catch (cause) {
    throw new VedetteError("VEDETTE_STORE_UNUSABLE", { path: folder, reason: reasonOf(cause) }, { cause });
  }
}

/** No link to another file. SQLite gives its other files the mode of this one. */
function makeFile(file: string): void {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const made = openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    fchmodSync(made, 0o600);
  } finally {
    closeSync(made);
  }
}

/** Gives the file, and what belongs to it, another name, and says which. An empty one takes its place. */
export function setAside(file: string): string {
  const aside = `${file}.damaged-${Date.now()}`;
  for (const suffix of SUFFIXES)
    try {
      if (suffix === "-shm") rmSync(`${file}${suffix}`, { force: true });
      else renameSync(`${file}${suffix}`, `${aside}${suffix}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  makeFile(file);
  return aside;
}
