// SPDX-License-Identifier: Apache-2.0
// Finds policies: a folder with a policy.yaml is one; any other is looked through, at most three levels down
// (the pack is grouped by what an attacker tries to do). A folder `lib` holds code that policies share, and
// is none. Order is by path, so that rules run and alerts come
// in the same order everywhere.
import { readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { isModuleFile } from "./bundle.js";
import { POLICY_FILE } from "./policy-file.js";
import { SHARED } from "./shared-code.js";

const DEPTH_MAX = 3;

/**
 * The policies' folders in or below `path`, or `path` where it is a module's file. Throws when it cannot be
 * read, or holds none.
 */
export function findPolicies(path: string): string[] {
  if (isModuleFile(path)) return [path];
  const found = look(path, DEPTH_MAX);
  if (found.length === 0) throw new VedetteError("VEDETTE_POLICY_NONE", { path });
  return found;
}

function look(folder: string, depth: number): string[] {
  const names = list(folder);
  if (names.includes(POLICY_FILE)) {
    if (basename(resolve(folder)) === SHARED) throw new VedetteError("VEDETTE_POLICY_SHARED", { path: folder });
    return [folder];
  }
  if (depth === 0) return [];
  return names
    .filter((name) => !name.startsWith(".") && name !== "node_modules")
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory())
    .flatMap((path) => look(path, depth - 1));
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    throw new VedetteError("VEDETTE_POLICY_UNREADABLE", { path: folder, reason: reasonOf(error) }, { cause: error });
  }
}
