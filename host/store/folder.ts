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
const ASIDE_MS_MIN = 86_400_000;

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

/**
 * The damaged files that were set aside. Somebody may want to read the newest one: it stays for a day, and
 * counts as nobody's. All others count as the store's own, and give way first.
 */
export class AsideFiles {
  readonly #folder: string;
  /** The oldest first. */
  readonly #stores: AsideStore[];
  readonly #now: () => number;

  /** `file`: of the store, beside which they are; null: it has none. `now`: ms since the epoch. */
  constructor(file: string | null, now: () => number = Date.now) {
    this.#folder = dirname(file ?? "");
    this.#stores = file === null ? [] : asideOf(this.#folder, `${basename(file)}${ASIDE}`);
    this.#now = now;
  }

  /** Of those that may go. */
  get bytes(): number {
    return this.#stores.filter((store) => this.#mayGo(store)).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Gives its path; null: there is none that may go. Throws what the file system throws. */
  removeOldest(): string | null {
    const [oldest] = this.#stores;
    if (oldest === undefined || !this.#mayGo(oldest)) return null;
    for (const name of oldest.names) rmSync(join(this.#folder, name), { force: true });
    this.#stores.shift();
    return join(this.#folder, oldest.names[0]!);
  }

  #mayGo(store: AsideStore): boolean {
    return store !== this.#stores.at(-1) || store.time + ASIDE_MS_MIN <= this.#now();
  }
}

interface AsideStore {
  /** ms since the epoch. */
  readonly time: number;
  /** Its own, and its log's. */
  readonly names: readonly string[];
  readonly bytes: number;
}

/** `begin`: what stands before the time at which it was set aside. */
function asideOf(folder: string, begin: string): AsideStore[] {
  const timeOf = (name: string): string =>
    name.startsWith(begin) ? name.slice(begin.length).replace(/-wal$/, "") : "";
  const stores = new Map<string, string[]>();
  for (const name of readdirSync(folder).sort()) stores.set(timeOf(name), [...(stores.get(timeOf(name)) ?? []), name]);
  const sizeOf = (name: string): number => lstatSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  return [...stores]
    .filter(([time]) => /^\d{1,15}$/.test(time))
    .map(([time, names]) => ({ time: Number(time), names, bytes: names.reduce((sum, name) => sum + sizeOf(name), 0) }))
    .sort((a, b) => a.time - b.time);
}
