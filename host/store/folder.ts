// SPDX-License-Identifier: Apache-2.0
// The folder of a store. What it holds names commands and files of whoever is watched, so only Vedette's own
// user may look into it.
import { closeSync, constants, fchmodSync, lstatSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";

const FILE = "vedette.db";
const OTHERS = 0o077;
const SUFFIXES = ["", "-wal", "-shm"] as const;

/** Absolute path of the file in it; both are made where they are missing. Throws VEDETTE_STORE_UNUSABLE. */
export function storeFile(folder: string, mustBeThere = false): string {
  const unusable = (reason: string, cause?: unknown): VedetteError =>
    new VedetteError("VEDETTE_STORE_UNUSABLE", { path: folder, reason }, { cause });
  const file = join(resolve(folder), FILE);
  try {
    if (mustBeThere) lstatSync(file);
    else makeFolder(folder);
    const status = lstatSync(resolve(folder));
    if (!status.isDirectory()) throw unusable("it is no folder");
    if (status.uid !== process.geteuid?.()) throw unusable("it belongs to another user");
    if ((status.mode & OTHERS) !== 0) throw unusable("other users may look into it");
    makeFile(file);
    return file;
  } catch (cause) {
    throw cause instanceof VedetteError ? cause : unusable(reasonOf(cause), cause);
  }
}

/** Not those above it: where one cannot be, as in /proc, Node tries for ever. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
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
