// SPDX-License-Identifier: Apache-2.0
// Which version of Vedette this is.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./paths.js";

const { version, gitHead } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  readonly version: string;
  readonly gitHead?: string;
};

/** As package.json has it. */
export const VERSION = version;

const DIRTY = "-dirty";
const SHOWN_DIGITS = 12;
// No tag's name: the commit alone.
const GIT = ["-C", ROOT, "describe", "--always", "--exclude=*", "--abbrev=40", `--dirty=${DIRTY}`];

/**
 * The commit that this was built of. A package says it in package.json (`gitHead`, npm's word); a clone is
 * asked, and its commit ends with `-dirty` where files of it have changed since. Null: nobody knows.
 */
export function commit(): string | null {
  if (gitHead !== undefined) return gitHead;
  if (!existsSync(join(ROOT, ".git"))) return null;
  try {
    return execFileSync("git", GIT, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null; // no git, or a clone of another user's
  }
}

/** The commit as a person reads it. */
export function shortCommit(): string {
  const whole = commit();
  if (whole === null) return "unknown";
  return whole.slice(0, SHOWN_DIGITS) + (whole.endsWith(DIRTY) ? DIRTY : "");
}
