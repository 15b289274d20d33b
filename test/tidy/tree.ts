// SPDX-License-Identifier: Apache-2.0
//
// What the house rules read: paths and texts. The real tree is what git knows or would add; tests hand in
// made-up ones.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type Tree = Map<string, string>;

/** One offence: where, what, and what to do instead. */
export interface Complaint {
  path: string;
  line?: number;
  text: string;
}

export type Rule = (tree: Tree) => Complaint[];

export function readTree(root: string): Tree {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  const tree: Tree = new Map();
  for (const path of list.toString("utf8").split("\0")) {
    if (path === "" || !existsSync(join(root, path))) continue;
    const text = readFileSync(join(root, path), "utf8");
    tree.set(path, text.includes("\0") ? "" : text); // of a picture it is known that it is there
  }
  return tree;
}

export function treeOf(files: Record<string, string>): Tree {
  return new Map(Object.entries(files));
}

/** Calls `look` for each line of the files that `path` picks, and collects what it complains of. */
export function eachLine(
  tree: Tree,
  path: RegExp,
  look: (line: string, path: string) => string | undefined,
): Complaint[] {
  const complaints: Complaint[] = [];
  for (const [file, text] of tree) {
    if (!path.test(file)) continue;
    text.split("\n").forEach((line, index) => {
      const complaint = look(line, file);
      if (complaint !== undefined) complaints.push({ path: file, line: index + 1, text: complaint });
    });
  }
  return complaints;
}

export function complaintText({ path, line, text }: Complaint): string {
  return `${path}${line === undefined ? "" : `:${line}`}: ${text}`;
}
