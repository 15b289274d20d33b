// SPDX-License-Identifier: Apache-2.0
// A folder for what names commands and files of whoever is watched: only Vedette's own user may look into it,
// and one process at a time has it.
import { lstatSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const OTHERS = 0o077;
const LOCK = "lock";
/** In /proc/PID/stat behind the name, from 0 (proc_pid_stat(5): field 22). */
const START_TIME = 19;
/** What this process has: each folder as it was named, and what that name led to. */
const held = new Map<string, string>();

/** Its absolute path; made as by makeFolder(). Throws an Error that says why the folder cannot be used. */
export function ownFolder(folder: string, mustBeThere = false): string {
  const path = resolve(folder);
  if (!mustBeThere) makeFolder(path, 0o700);
  const status = lstatSync(path);
  if (!status.isDirectory()) throw new Error("it is no folder");
  if (status.uid !== process.geteuid?.()) throw new Error("it belongs to another user");
  if ((status.mode & OTHERS) !== 0) throw new Error("other users may look into it");
  return path;
}

/**
 * Makes it where it is missing, but not those above it: where one cannot be, as in /proc, Node tries for
 * ever. Throws the system's error.
 */
export function makeFolder(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/**
 * Takes the folder, once in this process and for it alone. What another one left that is gone is no
 * obstacle. Throws an Error that names who has it. The file holds `PID START`: a pid alone may be somebody
 * else's by now.
 */
export function lockFolder(folder: string): void {
  const real = realpathSync(folder);
  if ([...held.values()].includes(real)) throw new Error("this process uses it already");
  const path = join(folder, LOCK);
  const own = `${process.pid} ${startOf(process.pid)}`;
  const theirs = textAt(path);
  const [pid] = theirs.split(" ");
  if (theirs !== "" && theirs !== own && theirs === `${pid} ${startOf(Number(pid))}`)
    throw new Error(`process ${pid} uses it`);
  writeFileSync(path, own, { mode: 0o600 });
  held.set(resolve(folder), real);
}

/**
 * What `use` makes of the folder, which is then taken. Throws as lockFolder() does, or what `use` throws;
 * then others may have the folder.
 */
export function lockedFolder<Made>(folder: string, use: () => Made): Made {
  lockFolder(folder);
  try {
    return use();
  } catch (error) {
    unlockFolder(folder);
    throw error;
  }
}

/**
 * Others may have it from now on. Whoever took it calls this, and nobody else. It never throws: a lock that
 * stays on a disk that can only be read is nobody's when this process ends.
 */
export function unlockFolder(folder: string): void {
  held.delete(resolve(folder));
  try {
    rmSync(join(folder, LOCK), { force: true });
  } catch {}
}

/** When the process started, in ticks since the machine did; empty: there is none. */
function startOf(pid: number): string {
  const after = textAt(`/proc/${pid}/stat`).split(") ").at(-1) ?? "";
  return after.split(" ")[START_TIME] ?? "";
}

function textAt(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
