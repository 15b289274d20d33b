// SPDX-License-Identifier: Apache-2.0
// A policy as loading takes it: its files, a digest of them, and where they are from. Whoever loads asks a
// bundle for a file by its name, and does not know of folders. Messages name files by the bundle's place,
// which is what the author or the operator knows.
//
//   folder   a folder of the operator's, read where it stands, a file when it is asked for
//   memory   files that were taken from somewhere at one moment (snapshot.ts), or that never lay in a folder
//   module   one .wasm file that says all of itself: its name, version and parameters are in its metadata
import { createHash } from "node:crypto";
import { lstatSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { VedetteError } from "../errors.js";
import { NotPlain, readPlainFile } from "../plain-file.js";
import { entriesOf } from "./entries.js";
import { hasShared, importsShared, SHARED_PREFIX, sharedFolder } from "./shared-code.js";

/** A compiled policy's module inside its folder. */
export const MODULE_FILE = "policy.wasm";

/** Where a bundle's files are from. */
export interface Origin {
  readonly kind: "folder" | "memory" | "module";
  /** A path, or what else messages call it. */
  readonly place: string;
}

/** One policy's files. */
export interface Bundle {
  readonly origin: Origin;
  /** SHA-256 of the names and contents, in hexadecimal. */
  readonly digest: string;
  /** Whether something stands there: a file, or what is none and cannot be read. */
  has(name: string): boolean;
  /** The files that loading looks at, in order; of a folder they are looked for. */
  names(): readonly string[];
  /** Throws the system's error, or NotPlain where it is none or has more than `most` bytes. */
  read(name: string, most?: number): Uint8Array;
}

/** What messages call a file of the bundle. */
export function placeOf({ origin }: Bundle, name: string): string {
  return origin.kind === "module" ? origin.place : join(origin.place, name);
}

/** What stands at `path`: a module that says all of itself, or a folder. */
export function openBundle(path: string): Bundle {
  if (!isModuleFile(path)) return new FolderBundle(path);
  const files = new Map([[MODULE_FILE, readPlainFile(path, { most: Number.POSITIVE_INFINITY })]]);
  return new MemoryBundle({ kind: "module", place: path }, files);
}

/** A module's file by itself, not a folder that is called like one. */
export function isModuleFile(path: string): boolean {
  return path.endsWith(".wasm") && statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
}

/** Files of a folder that the operator controls. They may change between two calls. */
export class FolderBundle implements Bundle {
  readonly origin: Origin;

  constructor(folder: string) {
    this.origin = { kind: "folder", place: folder };
  }

  get digest(): string {
    return digestOf(this);
  }

  has(name: string): boolean {
    return lstatSync(join(this.origin.place, name), { throwIfNoEntry: false }) !== undefined;
  }

  names(): readonly string[] {
    const folder = this.origin.place;
    const own = policyFiles(folder, true);
    const isImporting = own.some((name) => name.endsWith(".ts") && importsShared(this.read(name)));
    return isImporting ? [...sharedFiles(folder, true), ...own] : own;
  }

  read(name: string, most = Number.POSITIVE_INFINITY): Uint8Array {
    return readPlainFile(join(this.origin.place, name), { most });
  }
}

/** Files that cannot change any more. */
export class MemoryBundle implements Bundle {
  readonly origin: Origin;
  readonly #files: ReadonlyMap<string, Uint8Array>;
  #digest: string | null = null;

  constructor(origin: Origin, files: ReadonlyMap<string, Uint8Array>) {
    this.origin = origin;
    this.#files = files;
  }

  get digest(): string {
    this.#digest ??= digestOf(this);
    return this.#digest;
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  names(): readonly string[] {
    return [...this.#files.keys()].sort();
  }

  read(name: string, most = Number.POSITIVE_INFINITY): Uint8Array {
    const bytes = this.#files.get(name);
    if (bytes === undefined) throw new NotPlain("there is no such file");
    if (bytes.length > most) throw new NotPlain(`it is larger than ${most} bytes`);
    return bytes;
  }
}

const DEPTH_MAX = 4;
const ENDING = /\.(ts|yaml|wasm|sig|rec)$/;
const PART = /^(?!\.)[\w.@ +-]{1,255}$/;
/** Of a policy's folder with all that are in it: to walk a million of them takes minutes. */
const ENTRIES_MAX = 20_000;

/**
 * The files that loading looks at, relative to the folder, in order. `isLinkGood`: links to files of the
 * folder itself count. `most`: entries of all its folders. Throws VEDETTE_FOLDER_CROWDED, or the system's
 * error.
 */
export function policyFiles(folder: string, isLinkGood = false, most = ENTRIES_MAX): string[] {
  const found: string[] = [];
  let seen = 0;
  const look = (at: string, depth: number): void => {
    const entries = entriesOf(join(folder, at));
    seen += entries.length;
    if (seen > most) throw new VedetteError("VEDETTE_FOLDER_CROWDED", { path: folder, limit: most });
    for (const entry of entries) {
      const name = at === "" ? entry.name : `${at}/${entry.name}`;
      const isFile = entry.isFile() || (isLinkGood && entry.isSymbolicLink() && leadsInside(folder, name));
      if (entry.isDirectory() && depth < DEPTH_MAX && entry.name !== "node_modules") look(name, depth + 1);
      else if (isFile && ENDING.test(entry.name)) found.push(name);
    }
  };
  look("", 0);
  return found.sort();
}

/**
 * Whether a policy's folder may have a file of this name, relative to it: one that policyFiles() gives, and
 * plain.
 */
export function isPolicyFile(name: string): boolean {
  const parts = name.split("/");
  return parts.length <= DEPTH_MAX + 1 && ENDING.test(name) && parts.every((part) => PART.test(part));
}

/** The sources that policies of this one's folder share, as the bundle calls them. */
export function sharedFiles(folder: string, isLinkGood = false): string[] {
  if (!hasShared(folder, isLinkGood)) return [];
  const names = policyFiles(sharedFolder(folder), isLinkGood).filter((name) => name.endsWith(".ts"));
  return names.map((name) => `${SHARED_PREFIX}${name}`);
}

/** A folder that an orchestrator mounts has links for files (..data/index.ts). */
function leadsInside(folder: string, name: string): boolean {
  try {
    const real = realpathSync(join(folder, name));
    return real.startsWith(realpathSync(folder) + sep) && statSync(real).isFile();
  } catch {
    return false;
  }
}

function digestOf(bundle: Bundle): string {
  const hash = createHash("sha256");
  for (const name of bundle.names()) hash.update(`${name}\0`).update(bundle.read(name)).update("\0");
  return hash.digest("hex");
}
