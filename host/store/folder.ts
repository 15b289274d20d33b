// SPDX-License-Identifier: Apache-2.0
// The folder of a store. What it holds names commands and files of whoever is watched, so only Vedette's own
// user may look into it.
import { closeSync, constants, fchmodSync, lstatSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { VedetteError } from "../errors.js";
import { ownFolder } from "../own-folder.js";
import { reasonOf } from "../reason.js";

const FILE = "vedette.db";
const SUFFIXES = ["", "-wal", "-shm"] as const;
const ASIDE = ".damaged-";

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
  const aside = `${file}${ASIDE}${Date.now()}`;
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

/** The damaged files that were set aside: they count as the store's own, and give way first. */
export class AsideFiles {
  readonly #folder: string;
  /** The oldest first; each a name and its log's. */
  readonly #stores: (readonly string[])[];
  /** Of all of them. */
  #bytes: number;

  /** `file`: of the store, beside which they are; null: it has none. */
  constructor(file: string | null) {
    this.#folder = dirname(file ?? "");
    this.#stores = file === null ? [] : asideOf(this.#folder, `${basename(file)}${ASIDE}`);
    this.#bytes = this.#sizeOf(this.#stores.flat());
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False: there is none. Throws what the file system throws. */
  removeOldest(): boolean {
    const [oldest] = this.#stores;
    if (oldest === undefined) return false;
    for (const name of oldest) rmSync(join(this.#folder, name), { force: true });
    this.#stores.shift();
    this.#bytes = this.#sizeOf(this.#stores.flat());
    return true;
  }

  #sizeOf(names: readonly string[]): number {
    return names.reduce((sum, name) => {
      return sum + (lstatSync(join(this.#folder, name), { throwIfNoEntry: false })?.size ?? 0);
    }, 0);
  }
}

/** `begin`: what stands before the time at which it was set aside. */
function asideOf(folder: string, begin: string): string[][] {
  const timeOf = (name: string): string =>
    name.startsWith(begin) ? name.slice(begin.length).replace(/-wal$/, "") : "";
  const stores = new Map<string, string[]>();
  for (const name of readdirSync(folder)) stores.set(timeOf(name), [...(stores.get(timeOf(name)) ?? []), name]);
  return [...stores]
    .filter(([time]) => /^\d+$/.test(time))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, names]) => names);
}
