// SPDX-License-Identifier: Apache-2.0
// A policy's folder as it was at one moment: its files copied to a place of our own before anything looks at them. What was
// checked is then what is compiled, whoever writes to the folder meanwhile; and a folder that is still being copied in has
// another digest a moment later. Only plain files count: a link could lead into another tenant's folder.
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { VedetteError } from "../errors.js";
import { entriesOf } from "./entries.js";
import { readOwnedFile, readPlainFile } from "./plain-file.js";

const FILES_MAX = 200;
const BYTES_MAX = 8 << 20;
const DEPTH_MAX = 4;
const OWN = { most: BYTES_MAX, isLinkGood: false };

/** The files that loading looks at, relative to the folder, in order. */
export function policyFiles(folder: string): string[] {
  const found: string[] = [];
  const look = (at: string, depth: number): void => {
    for (const entry of entriesOf(join(folder, at))) {
      const name = at === "" ? entry.name : `${at}/${entry.name}`;
      if (entry.isDirectory() && depth < DEPTH_MAX && entry.name !== "node_modules") look(name, depth + 1);
      else if (entry.isFile() && /\.(ts|yaml|wasm|sig|rec)$/.test(entry.name)) found.push(name);
    }
  };
  look("", 0);
  return found.sort();
}

/** Of the names and contents. */
export function folderDigest(folder: string): string {
  const hash = createHash("sha256");
  for (const name of bounded(folder))
    hash
      .update(`${name}\0`)
      .update(readPlainFile(join(folder, name), OWN))
      .update("\0");
  return hash.digest("hex");
}

export interface Snapshot {
  readonly folder: string;
  readonly digest: string;
  /** The user ids of those to whom the folder and its files belonged when they were read. */
  readonly owners: ReadonlyMap<string, number>;
  remove(): void;
}

export function takeSnapshot(folder: string): Snapshot {
  const copy = mkdtempSync(join(tmpdir(), "vedette-policy-"));
  const owners = new Map([["", lstatSync(folder).uid]]);
  try {
    for (const name of bounded(folder)) {
      const { bytes, uid } = readOwnedFile(join(folder, name), OWN);
      owners.set(name, uid);
      mkdirSync(dirname(join(copy, name)), { recursive: true });
      writeFileSync(join(copy, name), bytes);
    }
    const remove = (): void => rmSync(copy, { recursive: true, force: true });
    return { folder: copy, digest: folderDigest(copy), owners, remove };
  } catch (error) {
    rmSync(copy, { recursive: true, force: true });
    throw error;
  }
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
