// SPDX-License-Identifier: Apache-2.0
// A file of lines that may not grow for ever, where nobody runs logrotate, as in a sidecar: FILE becomes
// FILE.1, that one becomes FILE.2, and the oldest goes. FILE is renamed first, to FILE.0 for a moment. Where
// that cannot be, as of a file that is a mount itself, no older file is moved or goes. Whoever is ended in
// the middle leaves FILE.0 for the next time, and loses no line.
import { linkSync, lstatSync, renameSync, rmSync } from "node:fs";

/**
 * How large a file becomes before the next one begins, in bytes, and how many older ones stay (1 or more).
 */
export interface FileBound {
  readonly bytes: number;
  readonly keep: number;
}

/** Moves each file by one number. Throws the system's error: then FILE may still be there. */
export function rotate(path: string, keep: number): void {
  const moving = nth(path, 0);
  if (isThere(moving)) shift(path, keep);
  if (!isThere(path)) return; // it was not made yet, or was removed
  renameSync(path, moving);
  try {
    shift(path, keep);
  } catch (error) {
    giveBack(path, moving);
    throw error;
  }
  removeFrom(path, keep + 1);
}

const nth = (path: string, number: number): string => `${path}.${number}`;
const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** FILE.0 becomes FILE.1. The others make room, up to the first number that is free. */
function shift(path: string, keep: number): void {
  let free = 1;
  while (free < keep && isThere(nth(path, free))) free++;
  for (let number = free; number > 0; number--) renameSync(nth(path, number - 1), nth(path, number));
}

/** Those of a larger `keep`, which was asked for before. One that cannot be removed stays. */
function removeFrom(path: string, first: number): void {
  try {
    for (let number = first; isThere(nth(path, number)); number++) rmSync(nth(path, number));
  } catch {}
}

/** Unless somebody has made another FILE by now. */
function giveBack(path: string, moving: string): void {
  try {
    linkSync(moving, path);
    rmSync(moving);
  } catch {} // its turn comes the next time
}
