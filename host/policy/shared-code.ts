// SPDX-License-Identifier: Apache-2.0
// Code that the policies of one folder share: the sources in `lib/` beside them, which a policy imports as
// "../lib/names". They are files of every policy that imports from there, under that name: of its digest, its
// signature and its module. So nothing of them is ever loaded by itself, and where one changes, the policy
// has changed. Another tenant's `lib/` has no name in a bundle.
import { lstatSync, statSync } from "node:fs";
import { join } from "node:path";
import { NotPlain } from "../plain-file.js";

/** The folder's name. No policy has it. */
export const SHARED = "lib";
/** What its files are called in a bundle. */
export const SHARED_PREFIX = `../${SHARED}/`;

const IMPORT = new RegExp(`["'\`](?:\\.\\./)+${SHARED}/`);

/** Where a policy's shared code is. */
export function sharedFolder(policy: string): string {
  return join(policy, "..", SHARED);
}

/** Whether a source imports shared code, or may do so: a folder of its own may have that name, too. */
export function importsShared(source: string | Uint8Array): boolean {
  return IMPORT.test(typeof source === "string" ? source : Buffer.from(source).toString());
}

/** Whether there is such a folder. Throws NotPlain where something else has its name. */
export function hasShared(policy: string, isLinkGood: boolean): boolean {
  const path = sharedFolder(policy);
  const status = (isLinkGood ? statSync : lstatSync)(path, { throwIfNoEntry: false });
  if (status === undefined) return false;
  if (!status.isDirectory()) throw new NotPlain(`${SHARED} beside it is not a folder`);
  return true;
}
