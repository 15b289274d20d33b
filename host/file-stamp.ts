// SPDX-License-Identifier: Apache-2.0
// What a file is like, in a text: another one where it was written, replaced, made or removed. A link is
// followed, so a mounted folder whose link is turned to another one (as Kubernetes does it) changes, too.
// Nobody waits on this thread for a disk that hangs.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Of a folder, so many of its entries are looked at, and so deep. */
const ENTRIES_MAX = 2_000;
const DEPTH_MAX = 6;
/** What is not there, or cannot be looked at. */
const NONE = "none";

/** Of a folder: of all in it. Never throws. */
export function fileStamp(path: string): Promise<string> {
  return stampAt(path, DEPTH_MAX, { entries: ENTRIES_MAX });
}

async function stampAt(path: string, depth: number, left: { entries: number }): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => null);
  if (found === null) return NONE;
  const own = `${found.dev} ${found.ino}`;
  if (!found.isDirectory()) return `${own} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
  const parts = [own];
  for (const name of depth === 0 ? [] : await namesIn(path))
    if (left.entries-- > 0) parts.push(`${name} ${await stampAt(join(path, name), depth - 1, left)}`);
  return parts.join("\n");
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name !== "node_modules").sort();
}
