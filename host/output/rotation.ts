// SPDX-License-Identifier: Apache-2.0
// A file of lines that may not grow for ever, where nobody runs logrotate, as in a sidecar: FILE becomes
// FILE.1, that one becomes FILE.2, and the oldest goes. Whoever is ended in the middle leaves a number out,
// and loses no line.
import { renameSync } from "node:fs";

/**
 * How large a file becomes before the next one begins, in bytes, and how many older ones stay (1 or more).
 */
export interface FileBound {
  readonly bytes: number;
  readonly keep: number;
}

/** Moves each file by one number. Throws the system's error: then FILE may still be there. */
export function rotate(path: string, keep: number): void {
  const names = [path, ...Array.from({ length: keep }, (_, i) => `${path}.${i + 1}`)];
  for (let i = keep; i > 0; i--) {
    try {
      renameSync(names[i - 1] as string, names[i] as string);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // it was not made yet, or was removed
    }
  }
}
