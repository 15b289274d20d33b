// SPDX-License-Identifier: Apache-2.0
//
// Packages of npm that one test alone needs, in a folder of their own under build/: made once, and kept until
// the test wants other versions.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const INSTALL_MS_MAX = 120_000;

/**
 * Whether `folder` has them now, each with its version (`name@1.2.3`); false: npm's registry cannot be asked.
 */
export function hasLibrary(folder: string, packages: readonly string[]): boolean {
  const list = join(folder, "wanted.json");
  if (existsSync(list) && readFileSync(list, "utf8") === JSON.stringify(packages)) return true;
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
  writeFileSync(join(made, "wanted.json"), JSON.stringify(packages));
  rmSync(folder, { recursive: true, force: true });
  renameSync(made, folder);
  return true;
}
