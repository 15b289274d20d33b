// SPDX-License-Identifier: Apache-2.0
// Rule files, as a command line names them.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readGivenFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";
import type { RuleFile } from "./load.js";

const BYTES_MAX = 64 << 20;

/** The files that are named, and those in the folders that are named, by name. */
export function readRuleFiles(paths: readonly string[]): RuleFile[] {
  return paths.flatMap((path) => {
    try {
      if (!statSync(path).isDirectory()) return [readRuleFile(path)];
      const names = readdirSync(path).filter((name) => /\.ya?ml$/.test(name));
      return names.sort().map((name) => readRuleFile(join(path, name)));
    } catch (error) {
      return [{ name: path, content: null, complaint: reasonOf(error) }];
    }
  });
}

function readRuleFile(name: string): RuleFile {
  try {
    return { name, content: readGivenFile(name, { most: BYTES_MAX }).toString() };
  } catch (error) {
    return { name, content: null, complaint: reasonOf(error) };
  }
}
