// SPDX-License-Identifier: Apache-2.0
//
// Links in prose: what a relative link names is there, down to the heading. Links out of the tree are not
// followed.
import { dirname, join, normalize } from "node:path";
import { type Complaint, eachLine, type Rule, type Tree } from "./tree.js";

const LINK = /\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g;

// Written by the generator into build/docs and copied nowhere: a link to them is good without the file.
const GENERATED = /^build\//;

export const linksLeadSomewhere: Rule = (tree) =>
  eachLine(tree, /\.md$/, (line, path) => {
    const bad = [...line.replace(/`[^`]*`/g, "").matchAll(LINK)]
      .map((match) => match[1]!)
      .find((link) => !leads(tree, path, link));
    return bad === undefined ? undefined : `the link ${bad} leads nowhere`;
  });

function leads(tree: Tree, from: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return true;
  const [file, anchor] = link.split("#");
  const path = file === "" ? from : normalize(join(dirname(from), file!)).replace(/\/$/, "");
  if (GENERATED.test(path)) return true;
  const text = tree.get(path);
  if (text === undefined) return [...tree.keys()].some((known) => known.startsWith(`${path}/`));
  return anchor === undefined || !path.endsWith(".md") || anchorsOf(text).has(anchor);
}

function anchorsOf(text: string): Set<string> {
  const headings = text.split("\n").filter((line) => /^#+ /.test(line));
  return new Set(headings.map((line) => slug(line.replace(/^#+ /, ""))));
}

function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replace(/ /g, "-");
}

/**
 * Names of files in code spans of docs/architecture.md and the how-to pages: a page that teaches where things
 * are must be right.
 */
export const namedFilesAreThere: Rule = (tree) => {
  const pages = [...tree.keys()].filter((path) => /^(README|docs\/(architecture|testing|add-.*))\.md$/.test(path));
  return pages.flatMap((page) => namedFiles(tree, page));
};

function namedFiles(tree: Tree, page: string): Complaint[] {
  return eachLine(new Map([[page, tree.get(page)!]]), /./, (line) => {
    const names = [...line.matchAll(/`((?:capture|host|rules-wasm|policies|test|bench|docs|\.ci)\/[\w./-]+)`/g)];
    const bad = names.map((match) => match[1]!.replace(/\/$/, "")).find((name) => !isThere(tree, name));
    return bad === undefined ? undefined : `${bad} is not in the tree`;
  });
}

function isThere(tree: Tree, name: string): boolean {
  return tree.has(name) || [...tree.keys()].some((path) => path.startsWith(`${name}/`) || path.startsWith(`${name}.`));
}
