// SPDX-License-Identifier: Apache-2.0
//
// Packages of npm that one test alone needs, in a folder of their own under build/: made once, and kept.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const INSTALL_MS_MAX = 120_000;

/** Whether `folder` has them now; false: npm's registry cannot be asked. */
export function hasLibrary(folder: string, packages: readonly string[]): boolean {
  if (existsSync(folder)) return true;
  const made = `${folder}.${process.pid}`;
  mkdirSync(made, { recursive: true });
  writeFileSync(join(made, "package.json"), '{"private": true, "type": "module"}');
  const words = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", made, ...packages];
  try {
    execFileSync("npm", words, { stdio: "pipe", timeout: INSTALL_MS_MAX });
  } catch {
    rmSync(made, { recursive: true, force: true });
    return false;
  }
  renameSync(made, folder);
  return true;
}
